"""What is Transformer-XL asked? The layers of each task above the bare network, and the loss of its adaptive softmax.

Shapes: B batch, S sequence, V vocabulary, C classes.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.errors import InputError
from pretrained.heads import ForLastTokenClassification, Head
from pretrained.models.transfo_xl.adaptive_transfo_xl import ProjectedAdaptiveLogSoftmax
from pretrained.models.transfo_xl.modeling_transfo_xl import TransfoXLModel, TransfoXLPreTrainedModel
from pretrained.nn.outputs import ModelOutput


class TransfoXLLMHeadModelOutput(ModelOutput):
    """Which token comes next. The published tuple begins with the losses of every token; the mean is the last."""

    losses: Tensor | None  # (B, S - 1), of token s + 1 at place s
    prediction_scores: Any  # (B, S, V) logarithms of probabilities; () if labels were given
    mems: tuple[Tensor, ...] | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    loss: Tensor | None  # () the mean over the tokens that count

    @property
    def logits(self) -> Any:
        """The scores: logarithms of probabilities are as good as any others to choose by."""
        return self.prediction_scores


class TransfoXLSequenceClassifierOutput(ModelOutput):
    """Which class a text has."""

    loss: Tensor | None  # ()
    logits: Tensor  # (B, C)
    mems: tuple[Tensor, ...] | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class TransfoXLLMHeadModel(TransfoXLPreTrainedModel, Head, base=TransfoXLModel):
    """Which token comes next? An adaptive softmax over the words, tied to the adaptive embedding."""

    def _build(self) -> None:
        config = self.config
        self._add_network()
        self.crit = ProjectedAdaptiveLogSoftmax(
            config.vocab_size, config.d_embed, config.d_model, config.cutoffs, config.div_val
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past: Any = None,
        *,
        attention_mask: Tensor | None = None,
        use_cache: bool = True,
        **options: Any,
    ) -> dict[str, Any]:
        """The tokens that the memories have not seen."""
        if attention_mask is not None:
            raise InputError("Transformer-XL has no mask for padding; generate from prompts of one length at a time")
        return options | {"input_ids": input_ids if past is None else input_ids[:, -1:], "mems": past}

    def _reorder_cache(self, past: Any, beam_idx: Tensor) -> Any:
        return tuple(memory.index_select(1, beam_idx) for memory in past)

    def _ties(self) -> dict[str, str]:
        """The matrices of each cluster, and the projections that `tie_projs` names."""
        config, embedding = self.config, "transformer.word_emb"
        ties = super()._ties()
        if config.tie_word_embeddings:
            for index in range(len(self.crit.out_layers)):
                ties[f"crit.out_layers.{index}.weight"] = f"{embedding}.emb_layers.{index}.weight"
        for index, tied in enumerate(config.tie_projs):
            if tied and len(self.crit.out_projs):
                source = index if config.div_val != 1 else 0
                ties[f"crit.out_projs.{index}"] = f"{embedding}.emb_projs.{source}"
        return ties

    def get_output_embeddings(self) -> nn.Linear:
        """The layer that scores the last cluster."""
        return cast(nn.Linear, self.crit.out_layers[-1])

    def _resize_scores(self, ends: list[int], layer: int, count: int) -> None:
        self.crit.ends = list(ends)
        old = cast(nn.Linear, self.crit.out_layers[layer])
        new = nn.Linear(old.in_features, count).to(old.weight)
        self._init_weights(new)
        kept = min(count, old.out_features)
        with torch.no_grad():
            new.weight[:kept] = old.weight[:kept]
            new.bias[:kept] = old.bias[:kept]
        self.crit.out_layers[layer] = new

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S) usually `input_ids` themselves, not shifted; -100 where nothing is to be predicted.

        Returns:
            TransfoXLLMHeadModelOutput: with labels losses (B, S - 1) and their mean as `loss`, and no scores, which
            are not needed then and large; else prediction_scores (B, S, V).
        """
        out = self.base_model(*inputs, return_dict=True, **options)
        hidden = out.last_hidden_state
        scores: Any = ()
        losses = loss = None
        if labels is None:
            scores = self.crit(hidden)
        elif labels.shape != hidden.shape[:2]:
            raise InputError(f"labels has shape {tuple(labels.shape)}, the batch has {tuple(hidden.shape[:2])}")
        else:
            following = labels[:, 1:]
            losses = self.crit.losses(hidden[:, :-1].flatten(0, 1), following.flatten()).view(following.shape)
            loss = losses.sum() / (following != -100).sum().clamp(min=1)
        output = TransfoXLLMHeadModelOutput(
            losses=losses,
            prediction_scores=scores,
            mems=out.mems,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            loss=loss,
        )
        return self._returned(output, return_dict)


class TransfoXLForSequenceClassification(TransfoXLPreTrainedModel, ForLastTokenClassification, base=TransfoXLModel):
    """Which class has a text? Its last token is asked, because only that one has seen all the others."""

    optional_keys = (r"crit\..*",)  # a published Transformer-XL brings it

    def _build(self) -> None:
        self._add_network()
        self.score = nn.Linear(self.config.d_model, self.config.num_labels, bias=False)

    def _score(self, vectors: Tensor) -> Tensor:
        return cast(Tensor, self.score(vectors))

    def _head_output(self, out: Any, return_dict: bool | None, **scores: Any) -> Any:
        output = TransfoXLSequenceClassifierOutput(
            **scores, mems=out.mems, hidden_states=out.hidden_states, attentions=out.attentions
        )
        return self._returned(output, return_dict)
