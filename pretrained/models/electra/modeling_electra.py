"""How does ELECTRA turn tokens into vectors? As BERT does, from embeddings of another width and without a pooler."""

from typing import Any, cast

from torch import Tensor, nn

from pretrained.checkpoints import TensorFlowNames
from pretrained.models.bert.modeling_bert import BertEmbeddings, BertModel, BertPreTrainedModel
from pretrained.models.electra import FAMILY
from pretrained.models.electra.config_electra import ElectraConfig
from pretrained.models.electra.names_electra import TENSORFLOW_1


class ElectraPreTrainedModel(BertPreTrainedModel):
    """What ELECTRA's network and all its heads share."""

    config_class = ElectraConfig
    base_model_prefix = "electra"
    tensorflow = TensorFlowNames(shared=("generator_lm_head", "electra/embeddings"))
    renames = TENSORFLOW_1
    flax_classes = frozenset(f"Electra{task}" for task in FAMILY.models)
    config: ElectraConfig

    def _add_network(self, **_: Any) -> None:
        super()._add_network()  # there is no pooler to leave out


class ElectraModel(ElectraPreTrainedModel, BertModel):
    """The bare network (Clark et al., arXiv 2003.10555), the same for generator and discriminator.

    `inputs_embeds` are (B, S, E), of `embedding_size`.
    """

    def __init__(self, config: ElectraConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    def _add_embeddings(self) -> None:
        config = self.config
        self.embeddings = BertEmbeddings(config, width=config.embedding_size)
        if config.embedding_size != config.hidden_size:
            self.embeddings_project = nn.Linear(config.embedding_size, config.hidden_size)

    def _embed(self, *inputs: Any) -> Tensor:
        embeddings = self.embeddings(*inputs)  # (B, S, E)
        if self.config.embedding_size != self.config.hidden_size:
            embeddings = self.embeddings_project(embeddings)
        return cast(Tensor, embeddings)  # (B, S, H)
