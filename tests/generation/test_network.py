"""Do the loops work with whatever a network remembers? With one that has memories instead of keys and values."""

import torch
from torch import Tensor

from pretrained.config import PretrainedConfig
from pretrained.generation import generate, stream
from pretrained.nn.outputs import ModelOutput


class Output(ModelOutput):
    logits: Tensor
    mems: tuple[Tensor, ...] | None


class Pairs:
    """The next token depends on the last two; the memory holds the last one but one, as the network saw it."""

    def __init__(self, vocabulary: int) -> None:
        self.config = PretrainedConfig(eos_token_id=0)
        generator = torch.Generator().manual_seed(4)
        self.table = torch.randn(vocabulary, vocabulary, vocabulary, generator=generator)
        self.lengths: list[int] = []

    def prepare_inputs_for_generation(self, input_ids, past=None, **options):
        return {"input_ids": input_ids if past is None else input_ids[:, -1:], "mems": past}

    def __call__(self, return_dict: bool = True, **inputs) -> Output:
        return self.forward(**inputs)

    def forward(self, input_ids: Tensor, mems=None) -> Output:
        self.lengths.append(input_ids.shape[1])
        before = input_ids[:, -2] if mems is None else mems[0][0]  # memories are (1, R): rows come second
        last = input_ids[:, -1]
        return Output(logits=self.table[before, last][:, None], mems=(last[None],))

    def _reorder_cache(self, past, beam_idx):
        return tuple(memory.index_select(1, beam_idx) for memory in past)


class WithoutMemory(Pairs):
    def prepare_inputs_for_generation(self, input_ids, past=None, **options):
        return {"input_ids": input_ids}

    def forward(self, input_ids: Tensor) -> Output:
        return Output(logits=super().forward(input_ids).logits, mems=None)


PROMPTS = torch.tensor([[3, 1], [2, 2], [1, 4]])


def test_memories_are_handed_on_and_follow_their_beams():
    for options in ({}, {"num_beams": 4, "num_return_sequences": 3}, {"num_beams": 2, "early_stopping": True}):
        network, plain = Pairs(9), WithoutMemory(9)
        found = generate(network, PROMPTS, max_new_tokens=12, **options)
        assert torch.equal(found, generate(plain, PROMPTS, max_new_tokens=12, **options))
        assert network.lengths == [2] + [1] * (len(network.lengths) - 1)
        assert plain.lengths == list(range(2, 2 + len(plain.lengths)))


def test_a_network_may_be_told_to_forget():
    network = Pairs(9)
    options = {"max_new_tokens": 6, "eos_token_id": []}
    expected = generate(network, PROMPTS, **options)
    assert torch.equal(generate(network, PROMPTS, use_cache=False, **options), expected)
    assert network.lengths[-6:] == [2, 3, 4, 5, 6, 7]


def test_a_stream_computes_no_token_before_it_is_asked_for():
    network = Pairs(9)
    tokens = stream(network, PROMPTS, max_new_tokens=12)
    assert network.lengths == []
    next(tokens)
    next(tokens)
    assert len(network.lengths) == 2


def test_beam_search_finds_the_best_of_all_texts():
    """With as many beams as there are texts, nothing is missed."""
    network = Pairs(4)
    found = generate(network, PROMPTS[:1], max_new_tokens=3, num_beams=64, eos_token_id=[], length_penalty=0.0)
    chances = network.table.log_softmax(-1)

    def chance(first: int, second: int, third: int) -> float:
        return float(chances[3, 1, first] + chances[1, first, second] + chances[first, second, third])

    texts = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
    assert tuple(found[0, 2:].tolist()) == max(texts, key=lambda text: chance(*text))
