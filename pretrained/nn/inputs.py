"""Do the inputs fit the model and each other? If not, the error says both numbers."""

from typing import cast

from torch import Tensor

from pretrained.errors import InputError
from pretrained.nn.layout import Packed, SequenceLayout


def batch_axes(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """Whichever was given, with only the axes that count tokens: (B, S); packed (T,)."""
    if (input_ids is None) == (inputs_embeds is None):
        raise InputError("pass either input_ids or inputs_embeds, and not both")
    if input_ids is not None and input_ids.is_floating_point():
        raise InputError(f"input_ids are numbers of tokens; got {input_ids.dtype}, and torch.long was expected")
    return cast(Tensor, input_ids) if inputs_embeds is None else inputs_embeds[..., 0]


def check_rows(given: Tensor, **others: Tensor | None) -> None:
    """A padded batch has rows of tokens, and every other input has as many rows as the batch, or one for all."""
    if given.dim() != 2 or given.shape[1] == 0:
        raise InputError(
            f"a batch is (rows, tokens), this one is {tuple(given.shape)}"
            + ("; one text is a batch of one row: input_ids[None]" if given.dim() == 1 else "")
        )
    for name, other in others.items():
        # not len(), which would hold an exported model to this number of rows
        if other is not None and other.shape[0] not in (1, given.shape[0]):
            raise InputError(f"{name} has {len(other)} rows, the batch has {len(given)}")


def check_length(positions: Tensor, layout: SequenceLayout, table: int, *, first: int = 0) -> None:
    """No sequence is longer than the table of positions.

    Args:
        positions: (1 or B, S) or (T,) what will be looked up.
        table: rows of the table.
        first: the row of a sequence's first token.
    """
    longest = layout.longest if isinstance(layout, Packed) else positions.shape[-1] + layout.past_length
    if longest + first <= table:
        return  # cannot be; and reading the largest number would make an accelerator wait
    last = int(positions.max())
    if last >= table:
        to_do = f"truncate it: tokenizer(text, truncation=True, max_length={table - first})"
        if getattr(layout, "past_length", 0):
            to_do = "begin with a shorter text, or let it become less long (max_new_tokens)"
        raise InputError(
            f"the sequence has {last + 1 - first} tokens, the model has positions for {table - first}; {to_do}"
        )


def out_of_range(**looked_up: tuple[Tensor | None, int]) -> InputError:
    """Which input asked for a row that its embedding does not have? name=(ids, rows of the embedding)."""
    for name, (ids, rows) in looked_up.items():
        if ids is not None and (int(ids.max()) >= rows or int(ids.min()) < 0):
            hint = ""
            if name == "input_ids" and int(ids.min()) >= 0:
                hint = "; use the tokenizer of this model, or model.resize_token_embeddings(len(tokenizer))"
            return InputError(
                f"{name} holds numbers from {int(ids.min())} to {int(ids.max())}; the model has 0 to {rows - 1}{hint}"
            )
    return InputError("an id is outside its embedding")


def flatten_choices(num_choices: int | None, **inputs: Tensor | None) -> tuple[int, dict[str, Tensor | None]]:
    """Turns the choices of a batch into rows of their own, for a network that knows nothing of choices.

    Args:
        num_choices: C, where it cannot be seen: in a packed batch, whose sequences are the choices in order.
        inputs: `input_ids` or `inputs_embeds`, and others of the same axes: (B, C, S, …).

    Returns:
        C, and the inputs as (B·C, S, …); those of a packed batch as they were.
    """
    given = next((inputs[name] for name in ("inputs_embeds", "input_ids") if inputs.get(name) is not None), None)
    if given is None:
        raise InputError("pass either input_ids or inputs_embeds")
    if num_choices is not None:
        return num_choices, inputs
    if given.dim() < 3:
        raise InputError(
            f"multiple choice takes (batch, choices, sequence), got {tuple(given.shape)}; "
            "a packed batch also needs num_choices"
        )
    return given.shape[1], {name: None if x is None else x.flatten(0, 1) for name, x in inputs.items()}
