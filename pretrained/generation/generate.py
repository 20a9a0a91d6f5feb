"""From prompts to texts: reads the options, makes room, and hands over to a loop."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pretrained.errors import InputError
from pretrained.generation.beam_search import beam_search
from pretrained.generation.network import Network, Steps
from pretrained.generation.options import GenerationOptions
from pretrained.generation.outputs import GenerationOutput
from pretrained.generation.processors import Processor, processors, remember
from pretrained.generation.sampling import continue_rows
from pretrained.generation.stopping import Stop

_OPTIONS = frozenset(field.name for field in fields(GenerationOptions)) | {"generation_config"}
_KEPT = ("scores", "logits", "attentions", "hidden_states")
# Inputs of a network that generation itself provides or has no use for.
_OWN = {
    *("input_ids", "inputs_embeds", "position_ids", "past", "past_key_values", "mems", "layout", "logits_to_keep"),
    *("labels", "lm_labels", "return_dict", "output_attentions", "output_hidden_states"),
}


class _Run(NamedTuple):
    steps: Steps
    ids: Tensor  # (R, S at the end)
    prompt: int
    options: GenerationOptions
    process: list[Processor]
    stop: Stop
    generator: torch.Generator | None


def generate(
    network: Network, input_ids: Tensor | None, *, generator: torch.Generator | None = None, **given: Any
) -> Tensor | GenerationOutput:
    """Prompts with their continuations: (B · num_return_sequences, S), filled up behind the end of a text.

    Args:
        network: what gives the scores of the next token.
        input_ids: (B, S) the prompts; `bos_token_id` if None.
        generator: source of chance, torch's own unless given.
        **given: of `GenerationOptions`; `generation_config`, some of them in a dict or in an object with `to_dict()`,
            which count where they are not given themselves; and further inputs of the network.

    Returns:
        The sequences, or with `return_dict_in_generate` a `GenerationOutput`.
    """
    run = _start(network, input_ids, generator, given)
    found = beam_search(*run) if run.options.num_beams > 1 else GenerationOutput(sequences=_written(run))
    if not run.options.return_dict_in_generate:
        return found.sequences
    items = dict(found.items()) | {name: tuple(steps) for name, steps in run.steps.kept.items()}
    if not run.options.output_scores:
        items.pop("sequences_scores", None)
    return GenerationOutput(**items)


def _written(run: _Run) -> Tensor:
    """The texts without beam search, and each new token to the streamer."""
    length, streamer = run.prompt, run.options.streamer
    if streamer is not None:
        streamer.put(run.ids[:, :length].cpu())
    for tokens in continue_rows(*run):
        length += 1
        if streamer is not None:
            streamer.put(tokens.cpu())
    if streamer is not None:
        streamer.end()
    return run.ids[:, :length].clone()


def stream(
    network: Network, input_ids: Tensor | None, *, generator: torch.Generator | None = None, **given: Any
) -> Iterator[Tensor]:
    """The new tokens alone, one of each row at a time, as soon as they are chosen: (B · num_return_sequences,)."""
    run = _start(network, input_ids, generator, given)
    if run.options.num_beams > 1:
        raise InputError("beam search knows its text only at the end; stream with num_beams=1, or use generate")
    if run.options.streamer is not None:
        raise InputError("stream yields the tokens itself; pass a streamer to generate")
    return continue_rows(*run)


def _start(
    network: Network, input_ids: Tensor | None, generator: torch.Generator | None, given: dict[str, Any]
) -> _Run:
    options = GenerationOptions.of(network.config, given)
    inputs = {key: value for key, value in given.items() if key not in _OPTIONS and value is not None}
    known = inspect.signature(network.forward).parameters.keys() - _OWN | {"attention_mask"}
    if unknown := sorted(inputs.keys() - known):
        raise TypeError(
            f"generation got {unknown}; its options are generator, {', '.join(sorted(_OPTIONS))}, "
            f"and the inputs of {type(network).__name__} that stay the same: {', '.join(sorted(known - _OPTIONS))}"
        )
    if input_ids is None:
        if options.bos_token_id is None:
            raise InputError(
                "generation without a prompt starts from bos_token_id, and the model has none; pass input_ids"
            )
        input_ids = torch.tensor([[options.bos_token_id]])
    if input_ids.dim() != 2 or input_ids.shape[1] < 1:
        raise InputError(f"input_ids must be (batch, tokens) with at least one token, got {tuple(input_ids.shape)}")

    mask = _prompt_mask(input_ids, inputs.pop("attention_mask", None), options)
    prompt, end = input_ids.shape[1], options.end(input_ids.shape[1])
    copies = options.num_return_sequences if options.num_beams == 1 else options.num_beams
    batch = len(input_ids)
    ids = input_ids.new_full((batch * copies, end), options.fill)
    ids[:, :prompt] = input_ids.repeat_interleave(copies, 0)
    padding = None
    if mask is not None:
        mask = mask.repeat_interleave(copies, 0)
        padding = mask.argmax(1)
        mask = torch.cat([mask, mask.new_ones(len(ids), end - prompt)], 1)
    inputs = {
        key: value.repeat_interleave(copies, 0) if isinstance(value, Tensor) and len(value) == batch else value
        for key, value in inputs.items()
    }
    kept: dict[str, list[Any]] = {
        name: [] for name in _KEPT if options.return_dict_in_generate and getattr(options, f"output_{name}")
    }
    process = processors(options, prompt, end, padding)
    if "scores" in kept:
        process.append(remember(kept["scores"]))
    steps = Steps(network, mask, options.use_cache, inputs, kept)
    return _Run(steps, ids, prompt, options, process, Stop(options, ids.device, kept.get("scores")), generator)


def _prompt_mask(input_ids: Tensor, mask: Tensor | None, options: GenerationOptions) -> Tensor | None:
    """(B, S) which places hold tokens of the prompts; None if all do."""
    if mask is None:
        pad = options.pad_token_id
        if pad is None or pad in options.eos_token_ids:
            return None
        mask = input_ids != pad
    if mask.shape != input_ids.shape:
        raise InputError(f"attention_mask has shape {tuple(mask.shape)}, the prompts have {tuple(input_ids.shape)}")
    mask = mask.ne(0).long()
    if bool(mask.all()):
        return None
    if not bool(mask[:, -1].all()):
        raise InputError(
            "a prompt ends with padding, so its continuation would stand behind a gap; pad on the left: "
            'tokenizer.padding_side = "left"'
        )
    return mask
