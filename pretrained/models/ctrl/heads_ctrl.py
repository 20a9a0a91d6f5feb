"""What is CTRL asked? Only which token comes next, in the style that its first token, a control code, names."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from torch import Tensor

from pretrained.generation import causal_inputs
from pretrained.heads import ForCausalLM
from pretrained.models.ctrl.modeling_ctrl import CTRLModel, CTRLPreTrainedModel
from pretrained.nn.linear import Linear


class CTRLLMHeadModel(CTRLPreTrainedModel, ForCausalLM, base=CTRLModel):
    """Which token comes next?"""

    tied_weights: ClassVar[Mapping[str, str]] = {"lm_head.weight": "transformer.w.weight"}
    output_layer = "lm_head"

    def _build(self) -> None:
        self._add_network()
        self.lm_head = Linear(self.config.n_embd, self.config.vocab_size)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.lm_head(hidden))

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        return causal_inputs(input_ids, past, **options) | {"logits_to_keep": 1}
