"""How does a text go on?"""

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from pretrained.generation import GenerationOptions
from pretrained.pipelines.base import Pipeline
from pretrained.runner.rows import position_limit

logger = logging.getLogger("pretrained")

# but for what is returned: here always texts
_OPTIONS = tuple(
    each.name for each in fields(GenerationOptions) if not each.name.startswith(("output_", "return_dict"))
)


class TextGenerationPipeline(Pipeline):
    """One text → [{"generated_text"}], one for each of `num_return_sequences`; a list of texts → a list of those.

    A text ends where the model has no more positions, and a warning says so; a prompt that is longer is an InputError.

    Options:
        return_full_text: the prompt stands before what was written.
        prefix: put before each prompt, and taken away from the result.
        return_tensors: [{"generated_token_ids"}] instead of texts.
        clean_up_tokenization_spaces: no blanks before punctuation.
        and all of `pretrained.generation.GenerationOptions`: max_length, do_sample, top_k, num_beams, …
    """

    auto = "ForCausalLM"
    trained_by = "causal-lm"
    at_once = 1  # one is written after the other
    defaults: ClassVar[Mapping[str, Any]] = {
        "return_full_text": True,
        "prefix": None,
        "return_tensors": False,
        "return_text": True,
        "clean_up_tokenization_spaces": False,
        "generator": None,
        **dict.fromkeys(_OPTIONS),
    }

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        asked = {name: options[name] for name in _OPTIONS if options[name] is not None}
        return [self._written(text, asked, options) for text in self._texts(inputs)]

    def _written(self, prompt: str, asked: Mapping[str, Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        prefix = options["prefix"] or ""
        encoded = self.tokenizer(
            prefix + prompt, add_special_tokens=self._adds_special_tokens, return_tensors="pt", verbose=False
        )
        ids = encoded["input_ids"] if encoded["input_ids"].numel() else None  # from nothing: the first token is bos
        if ids is not None:
            ids = ids.to(self.device)
        length = 0 if ids is None else ids.shape[1]
        first = max(length, 1)
        longest = GenerationOptions.of(self.model.config, asked).end(first)
        limit = position_limit(self.model) or longest
        cut = first < limit < longest
        if cut:
            asked = {**asked, "max_length": None, "max_new_tokens": limit - first}
        rows = self._fast.generate(ids, generator=options["generator"], return_dict_in_generate=False, **asked)
        if cut and rows.shape[1] == limit:
            logger.warning(
                "%d tokens were asked for, and the text ends after %d: the model has no more positions", longest, limit
            )
        return [self._answer(row.tolist(), prompt, length, options) for row in rows]

    @property
    def _adds_special_tokens(self) -> bool:
        """Special tokens at the end of a prompt would end the text; those of XLM stand before it."""
        return self.model.config.model_type in ("xlm",)

    def _answer(self, ids: list[int], prompt: str, length: int, options: Mapping[str, Any]) -> dict[str, Any]:
        if options["return_tensors"]:
            return {"generated_token_ids": ids}
        clean = options["clean_up_tokenization_spaces"]
        whole, before = (
            self.tokenizer.decode(part, skip_special_tokens=True, clean_up_tokenization_spaces=clean)
            for part in (ids, ids[:length])
        )
        new = whole[len(before) :]
        return {"generated_text": prompt + new if options["return_full_text"] else new}
