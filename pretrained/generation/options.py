"""What can one ask of generation? The options, with their defaults from the model's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from pretrained.errors import InputError


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How to continue a prompt. An option that is not given, or None, is as the model's configuration says."""

    max_length: int = 20
    """Tokens of a sequence in the end, the prompt's among them."""
    max_new_tokens: int | None = None
    """The same without the prompt's; instead of `max_length`."""
    min_length: int = 0
    """No sequence ends before it has so many tokens, the prompt's among them."""
    do_sample: bool = False
    """Draw each token from its probabilities; False takes the best one."""
    num_beams: int = 1
    """How many continuations beam search follows at a time; 1: no beam search."""
    early_stopping: bool | str = False
    """Beam search ends with the first `num_beams` finished sequences (True), when a better one is unlikely (False)
    or impossible ("never")."""
    length_penalty: float = 1.0
    """Beam search divides a sequence's score by its new tokens to the power of this."""
    num_return_sequences: int = 1
    """How many sequences for each prompt: drawn ones, or the best beams."""
    temperature: float = 1.0
    """Sampling divides the scores by this: above 1 more surprise, below 1 less."""
    top_k: int = 50
    """Sampling draws from so many of the best tokens; 0: from all."""
    top_p: float = 1.0
    """Sampling draws from the fewest best tokens whose probabilities reach this (nucleus sampling,
    Holtzman et al., arXiv 1904.09751)."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens that are there already less likely (Keskar et al., arXiv 1909.05858)."""
    no_repeat_ngram_size: int = 0
    """No so many tokens in a row occur twice; 0: they may."""
    bad_words_ids: list[list[int]] | None = None
    """Tokens, or rows of tokens, that are never written."""
    bos_token_id: int | None = None
    """The prompt, where none is given."""
    pad_token_id: int | None = None
    """Fills up finished sequences; `eos_token_id` unless given."""
    eos_token_id: int | list[int] | None = None
    """Ends a sequence; several numbers: any of them does."""
    use_cache: bool = True
    """Keep what was computed of earlier tokens; False computes all of them again for every new one."""

    def __post_init__(self) -> None:
        for name, least in (("num_beams", 1), ("num_return_sequences", 1), ("top_k", 0), ("no_repeat_ngram_size", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number from {least} on, got {value!r}")
        for name in ("temperature", "repetition_penalty"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if not 0 <= self.top_p <= 1:
            raise InputError(f"top_p must lie between 0 and 1, got {self.top_p!r}")
        if self.early_stopping not in (True, False, "never"):
            raise InputError(f"early_stopping must be True, False or 'never', got {self.early_stopping!r}")
        rows = self.bad_words_ids or ()
        if any(not isinstance(row, list | tuple) or not row or min(row) < 0 for row in rows):
            raise InputError(f"bad_words_ids must be lists of token numbers, none empty; got {self.bad_words_ids!r}")
        if self.num_beams > 1 and self.num_return_sequences > self.num_beams:
            raise InputError(
                f"num_return_sequences={self.num_return_sequences} is more than num_beams={self.num_beams}"
            )
        if self.num_beams == 1 and self.num_return_sequences > 1 and not self.do_sample:
            raise InputError(
                f"num_return_sequences={self.num_return_sequences} would be {self.num_return_sequences} times the same "
                "text; use do_sample=True or num_beams"
            )

    @classmethod
    def of(cls, config: Any, given: Mapping[str, Any]) -> Self:
        """The options given, and those of the configuration for the rest."""
        if given.get("max_new_tokens") is not None and given.get("max_length") is not None:
            raise InputError(
                f"pass max_length={given['max_length']} (with the prompt) or max_new_tokens={given['max_new_tokens']} "
                "(without it), not both"
            )
        values = {}
        for field in fields(cls):
            value = given.get(field.name)
            if value is None and field.name != "max_new_tokens":
                value = getattr(config, field.name, None)
            if value is not None:
                values[field.name] = value
        return cls(**values)

    def end(self, prompt: int) -> int:
        """Tokens of a sequence at most, for a prompt of so many."""
        if self.max_new_tokens is not None:
            if self.max_new_tokens < 1:
                raise InputError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
            return prompt + self.max_new_tokens
        if self.max_length <= prompt:
            raise InputError(
                f"the prompt has {prompt} tokens and max_length={self.max_length} counts them; "
                "nothing would be written. Pass max_new_tokens instead"
            )
        return self.max_length

    @property
    def eos_token_ids(self) -> list[int]:
        """The tokens that end a sequence."""
        found = self.eos_token_id
        return [] if found is None else [found] if isinstance(found, int) else list(found)

    @property
    def fill(self) -> int:
        """What stands behind the end of a sequence."""
        if self.pad_token_id is not None:
            return self.pad_token_id
        return next(iter(self.eos_token_ids), 0)
