"""What does generation give back, where more than the texts is asked for?"""

from torch import Tensor

from pretrained.nn.outputs import ModelOutput


class GenerationOutput(ModelOutput):
    """The texts, and what was seen while they were written.

    What is kept of every step is a tuple with one item for each new token. Shapes: R rows that were followed, which are
    B · num_beams or, without beam search, B · num_return_sequences; S sequence, N new tokens, V vocabulary.
    """

    sequences: Tensor  # (B · num_return_sequences, S)
    sequences_scores: Tensor | None = None  # (B · num_return_sequences,) what beam search compares, the best first
    scores: tuple[Tensor, ...] | None = None  # (R, V) of each step, as the next token was chosen by them
    logits: tuple[Tensor, ...] | None = None  # (R, V) of each step, as the network gave them
    beam_indices: Tensor | None = None  # (B · num_return_sequences, N) the row of each new token's scores; −1: none
    attentions: tuple[tuple[Tensor, ...], ...] | None = None  # of each step, as the network gives them
    hidden_states: tuple[tuple[Tensor, ...], ...] | None = None  # of each step, as the network gives them
