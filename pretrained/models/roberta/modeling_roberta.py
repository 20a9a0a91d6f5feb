"""How does RoBERTa turn tokens into vectors? As BERT does; only its positions are counted differently."""

from typing import cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import TensorFlowNames
from pretrained.models.bert.modeling_bert import BertEmbeddings, BertModel, BertPreTrainedModel
from pretrained.models.roberta.config_roberta import RobertaConfig
from pretrained.nn.inputs import check_length
from pretrained.nn.layout import Packed, SequenceLayout


class RobertaEmbeddings(BertEmbeddings):
    """BERT's, except that the padding's position is not trained."""

    def __init__(self, config: RobertaConfig) -> None:
        super().__init__(config)
        self.position_embeddings = nn.Embedding(
            config.max_position_embeddings, config.hidden_size, padding_idx=config.pad_token_id
        )

    def _counted(self, input_ids: Tensor | None, words: Tensor) -> Tensor:
        padding = cast(int, self.position_embeddings.padding_idx)
        if input_ids is None:
            return super()._counted(input_ids, words) + (padding + 1)
        tokens = input_ids != padding
        return tokens.cumsum(-1) * tokens + padding


class RobertaPreTrainedModel(BertPreTrainedModel):
    """What RoBERTa's network and all its heads share."""

    config_class = RobertaConfig
    base_model_prefix = "roberta"
    tensorflow = TensorFlowNames(shared=("lm_head", "roberta/embeddings"))
    flax_classes = frozenset(
        {
            "RobertaModel",
            "RobertaForMaskedLM",
            "RobertaForSequenceClassification",
            "RobertaForMultipleChoice",
            "RobertaForTokenClassification",
            "RobertaForQuestionAnswering",
            "RobertaForCausalLM",
        }
    )
    config: RobertaConfig


class RobertaModel(RobertaPreTrainedModel, BertModel):
    """The bare network (Liu et al., arXiv 1907.11692): a BERT whose first token has position `pad_token_id` + 1.

    Without `position_ids`, padding tokens keep the position `pad_token_id` and take no part in counting, so
    padding on the left changes nothing. With `inputs_embeds` every place counts: padding cannot be seen there.
    """

    def _add_embeddings(self) -> None:
        self.embeddings = RobertaEmbeddings(self.config)

    def _position_ids(self, input_ids: Tensor | None, given: Tensor, layout: SequenceLayout) -> Tensor:
        padding = cast(int, self.config.pad_token_id)
        if input_ids is None:
            positions = layout.positions(given.shape[-1], given.device) + (padding + 1)
        else:
            tokens = input_ids != padding
            positions = _running_count(tokens, layout) * tokens + padding
        check_length(positions, layout, self.config.max_position_embeddings, first=padding + 1)
        return positions


def _running_count(tokens: Tensor, layout: SequenceLayout) -> Tensor:
    """How many tokens there are up to each place of its sequence. tokens: (B, S) or (T,), true if not padding."""
    if isinstance(layout, Packed):
        counts = tokens.cumsum(-1)
        first = torch.arange(len(tokens), device=tokens.device) - layout.positions(len(tokens), tokens.device)
        return counts - (counts - tokens.long())[first]
    return tokens.cumsum(-1) + layout.past_length
