"""What do the loops see of a network? All tokens so far go in, the scores of the next one come out."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor


class Network(Protocol):
    """What generation asks of a model. Shapes: R rows (texts, or beams of texts), S sequence, V vocabulary."""

    config: Any

    def __call__(self, **inputs: Any) -> Any:
        """An output with `logits` (R, S, V); and `past_key_values` or `mems`, whatever this network keeps there."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Its signature names the inputs there are."""

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        """The inputs of the next call.

        Args:
            input_ids: (R, S) all tokens so far.
            past: what the last call returned as `past_key_values` or `mems`; None before the first one.
            options: `use_cache`, `attention_mask` (R, S) if there is padding, and the caller's further inputs.
        """

    def _reorder_cache(self, past: Any, beam_idx: Tensor) -> Any:
        """The same `past` with other rows: row i goes on where row `beam_idx[i]` stood."""


class Steps:
    """A network in the middle of its texts."""

    def __init__(
        self,
        network: Network,
        attention_mask: Tensor | None,
        use_cache: bool,
        inputs: dict[str, Any],
        kept: Mapping[str, list[Any]],
    ) -> None:
        """
        Args:
            attention_mask: (R, S at the end) 0 for padding before the prompts; None if there is none.
            inputs: further inputs that are the same at every step.
            kept: where `logits`, `attentions` and `hidden_states` of every step go, those of them that are asked for.
        """
        self._network = network
        self._mask = attention_mask
        self._inputs = inputs | {"use_cache": use_cache}
        self._use_cache = use_cache
        self.kept = kept
        self._seen = [name for name in ("attentions", "hidden_states") if name in kept]
        self._asked = {f"output_{name}": True for name in self._seen}
        self._past: Any = None

    @torch.no_grad()
    def __call__(self, ids: Tensor) -> Tensor:
        """(R, S) all tokens so far → (R, V) scores of the next one, float32, for the caller to change."""
        if self._mask is not None:
            self._inputs["attention_mask"] = self._mask[:, : ids.shape[1]]
        inputs = self._network.prepare_inputs_for_generation(ids, self._past, **self._inputs)
        out = self._network(**inputs, **self._asked, return_dict=True)
        if self._use_cache:
            self._past = out.get("past_key_values", out.get("mems"))
        scores: Tensor = out.logits[:, -1].float()
        for name in self._seen:
            self.kept[name].append(out[name])
        if "logits" in self.kept:
            self.kept["logits"].append(scores.clone())
        return scores

    def reorder(self, rows: Tensor) -> None:
        """From now on row i continues row `rows[i]`."""
        if self._past is not None:
            self._past = self._network._reorder_cache(self._past, rows)


def causal_inputs(
    input_ids: Tensor,
    past: Any = None,
    *,
    attention_mask: Tensor | None = None,
    token_type_ids: Tensor | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The inputs of a causal network with a `KeyValueCache`: the tokens it has not seen, and where they stand.

    Positions are counted without the padding before a prompt. New tokens are of the type of the prompt's last.
    """
    seen = 0 if past is None else past.length
    inputs: dict[str, Any] = {"input_ids": input_ids[:, seen:], "past_key_values": past, **others}
    if attention_mask is not None:
        positions = (attention_mask.cumsum(-1) - 1).clamp_(min=0)
        inputs |= {"attention_mask": attention_mask, "position_ids": positions[:, seen:]}
    if token_type_ids is not None:
        new = token_type_ids[:, -1:].expand(-1, input_ids.shape[1] - token_type_ids.shape[1])
        inputs["token_type_ids"] = torch.cat([token_type_ids, new], 1)[:, seen:]
    return inputs
