"""What can one ask of generation? The options, with their defaults from the model's configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isnan
from typing import Any, Protocol, Self

from torch import Tensor

from pretrained.errors import InputError

_OF_FILES = {"transformers_version", "_from_model_config"}  # stands in published generation_config.json


class Streamer(Protocol):
    """Takes the prompts, and then each new token, as soon as there is one."""

    def put(self, value: Tensor) -> None:
        """The prompts, (R, S), and after that the new tokens, (R,), on the CPU."""

    def end(self) -> None:
        """There are no more."""


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How to continue a prompt. An option that is not given, or None, is as the model's configuration says."""

    max_length: int = 20
    """Tokens of a sequence in the end, the prompt's among them."""
    max_new_tokens: int | None = None
    """The same without the prompt's; instead of `max_length`."""
    min_length: int = 0
    """No sequence ends before it has so many tokens, the prompt's among them."""
    min_new_tokens: int | None = None
    """The same without the prompt's; instead of `min_length`."""
    max_time: float | None = None
    """Seconds after which no further token is begun."""
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
    min_p: float = 0.0
    """Sampling draws only from tokens that have this part of the best one's probability (arXiv 2407.01082)."""
    typical_p: float = 1.0
    """Sampling draws from the tokens whose surprise is nearest to the expected one, as many as reach this probability
    together (Meister et al., arXiv 2202.00666)."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens that are there already less likely (Keskar et al., arXiv 1909.05858)."""
    no_repeat_ngram_size: int = 0
    """No so many tokens in a row occur twice; 0: they may."""
    bad_words_ids: list[list[int]] | None = None
    """Tokens, or rows of tokens, that are never written."""
    sequence_bias: Mapping[tuple[int, ...], float] | Sequence[Sequence[Any]] | None = None
    """Numbers that are added to the score of the last token of a row of tokens, where the others stand before it:
    {(5,): -2.0, (7, 8): 3.0}; or as JSON can say it, [[[5], -2.0], [[7, 8], 3.0]]."""
    suppress_tokens: list[int] | None = None
    """Tokens that are never written."""
    begin_suppress_tokens: list[int] | None = None
    """Tokens that are not written first; if `forced_bos_token_id` is, not behind it."""
    forced_bos_token_id: int | None = None
    """The first new token, where the prompt is a single one."""
    forced_eos_token_id: int | list[int] | None = None
    """The last token of a sequence that reaches its greatest length; several numbers: one of them."""
    exponential_decay_length_penalty: tuple[int, float] | None = None
    """(start, factor): behind so many new tokens an end is more wanted with each, by this factor to their number."""
    remove_invalid_values: bool = False
    """Scores that are not a number count as 0, infinite ones as the greatest or least finite one."""
    renormalize_logits: bool = False
    """Makes log-probabilities of the scores again, after everything else."""
    prefix_allowed_tokens_fn: Callable[[int, Tensor], Sequence[int]] | None = None
    """From the number of a prompt and the tokens so far, (S,), to the tokens that may come next
    (De Cao et al., arXiv 2010.00904)."""
    logits_processor: Sequence[Callable[[Tensor, Tensor], Tensor]] | None = None
    """Functions from the tokens so far, (R, S), and the scores of the next one, (R, V), to other scores. They come
    after all options but those of sampling."""
    stopping_criteria: Sequence[Callable[[Tensor, tuple[Tensor, ...] | None], Tensor | bool]] | None = None
    """Functions from the tokens so far, (R, S), and all scores, if `output_scores` keeps them, to whether sequences
    end here: a bool, or (R,) of them."""
    streamer: Streamer | None = None
    """Is given the prompts, and then each new token; not with beam search."""
    return_dict_in_generate: bool = False
    """Return a `GenerationOutput` instead of the sequences alone."""
    output_scores: bool = False
    """With `return_dict_in_generate`, the scores that each token was chosen by."""
    output_logits: bool = False
    """With `return_dict_in_generate`, the scores of each token as the network gave them."""
    output_attentions: bool = False
    """With `return_dict_in_generate`, the attention maps of each step."""
    output_hidden_states: bool = False
    """With `return_dict_in_generate`, the hidden states of each step."""
    bos_token_id: int | None = None
    """The prompt, where none is given."""
    pad_token_id: int | None = None
    """Fills up finished sequences; `eos_token_id` unless given."""
    eos_token_id: int | list[int] | None = None
    """Ends a sequence; several numbers: any of them does."""
    use_cache: bool = True
    """Keep what was computed of earlier tokens; False computes all of them again for every new one."""
    num_beam_groups: int = 1
    """Only 1: there is no diverse beam search here."""
    diversity_penalty: float = 0.0
    """Between groups of beams; means nothing without them, as published."""
    synced_gpus: bool = False
    """Only False: generation does not wait for other processes."""

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_tokens()
        self._check_calls()
        self._check_beams()

    def _check_numbers(self) -> None:
        for name, least in (
            *(("num_beams", 1), ("num_return_sequences", 1), ("top_k", 0), ("no_repeat_ngram_size", 0)),
            *(("min_new_tokens", 0), ("forced_bos_token_id", 0)),
        ):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise InputError(f"{name} must be a whole number from {least} on, got {value!r}")
        for name in ("temperature", "repetition_penalty", "typical_p", "max_time"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} must be above 0, got {value!r}")
        for name in ("top_p", "min_p", "typical_p"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must lie between 0 and 1, got {getattr(self, name)!r}")
        decay = self.exponential_decay_length_penalty
        if decay is not None and (not isinstance(decay, list | tuple) or len(decay) != 2):
            raise InputError(f"exponential_decay_length_penalty must be (start, factor), got {decay!r}")

    def _check_tokens(self) -> None:
        rows = self.bad_words_ids or ()
        if any(not isinstance(row, list | tuple) or not row or min(row) < 0 for row in rows):
            raise InputError(f"bad_words_ids must be lists of token numbers, none empty; got {self.bad_words_ids!r}")
        for name in ("suppress_tokens", "begin_suppress_tokens", "forced_eos_token_id"):
            value = getattr(self, name)
            tokens = [value] if isinstance(value, int) else value or ()
            if not isinstance(tokens, list | tuple) or any(not isinstance(token, int) or token < 0 for token in tokens):
                raise InputError(f"{name} must hold token numbers, got {value!r}")
        try:
            right = all(word and min(word) >= 0 and not isnan(bias) for word, bias in self.biases.items())
        except (TypeError, ValueError):
            right = False
        if not right:
            raise InputError(
                "sequence_bias must give a number for rows of token numbers, none empty, such as {(7, 8): 3.0}; "
                f"got {self.sequence_bias!r}"
            )

    def _check_calls(self) -> None:
        for name in ("logits_processor", "stopping_criteria"):
            functions = getattr(self, name) or []
            if not isinstance(functions, list | tuple) or not all(callable(each) for each in functions):
                raise InputError(f"{name} must be a list of functions, got {functions!r}")
        if self.prefix_allowed_tokens_fn is not None and not callable(self.prefix_allowed_tokens_fn):
            raise InputError(f"prefix_allowed_tokens_fn must be a function, got {self.prefix_allowed_tokens_fn!r}")
        if self.streamer is not None and not (hasattr(self.streamer, "put") and hasattr(self.streamer, "end")):
            raise InputError(f"streamer must have the methods put and end, got {self.streamer!r}")
        if self.synced_gpus:
            raise InputError("synced_gpus=True is not possible: generation does not wait for other processes")

    def _check_beams(self) -> None:
        if self.early_stopping not in (True, False, "never"):
            raise InputError(f"early_stopping must be True, False or 'never', got {self.early_stopping!r}")
        if self.num_beam_groups != 1:
            raise InputError(
                f"num_beam_groups={self.num_beam_groups} asks for diverse beam search, which is not here; "
                "do_sample=True, with num_beams or without, makes texts that differ more"
            )
        if self.num_beams > 1 and self.streamer is not None:
            raise InputError("beam search knows its text only at the end; use a streamer with num_beams=1")
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
        """The options given, those of a `generation_config` among them, and of the configuration for the rest."""
        if given.get("max_new_tokens") is not None and given.get("max_length") is not None:
            raise InputError(
                f"pass max_length={given['max_length']} (with the prompt) or max_new_tokens={given['max_new_tokens']} "
                "(without it), not both"
            )
        values = {}
        settings = cls._settings(given.get("generation_config"))
        for field in fields(cls):
            value = given.get(field.name)
            if value is None:
                value = settings.get(field.name)
            if value is None and field.name != "max_new_tokens":
                value = getattr(config, field.name, None)
            if value is not None:
                values[field.name] = value
        return cls(**values)

    @classmethod
    def _settings(cls, found: Any) -> Mapping[str, Any]:
        """What a `generation_config` says: options in a dict, or an object that can become one and may know more."""
        if found is None:
            return {}
        if hasattr(found, "to_dict"):
            settings: Mapping[str, Any] = found.to_dict()
            return settings
        if not isinstance(found, Mapping):
            raise InputError(f"generation_config must be a dict of options, or have to_dict(), got {found!r}")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(found.keys() - known - _OF_FILES):
            raise TypeError(f"generation_config holds {unknown}; its options are {', '.join(sorted(known))}")
        return found

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
    def biases(self) -> dict[tuple[int, ...], float]:
        """`sequence_bias` as a dict."""
        given = self.sequence_bias or {}
        pairs = given.items() if isinstance(given, Mapping) else given
        return {tuple(word): float(bias) for word, bias in pairs}

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
