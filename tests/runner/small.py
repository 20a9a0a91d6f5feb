"""A small network of any family, and a tokenizer that goes with it."""

import pytest
import torch

from pretrained import registry
from pretrained.runner import quantize

needs_int8 = pytest.mark.skipif(not quantize.available(), reason="no 8-bit products")
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=needs_int8)]


class NumberTokenizer:
    """Reads texts such as "7 12 9" as ids; stands for the tokenizer of families that need files for theirs."""

    model_max_length = 10**30
    model_input_names = ("input_ids", "attention_mask")

    def __init__(self, special=(5, 6)):
        self.special = special

    def num_special_tokens_to_add(self, pair=False):
        return len(self.special)

    def encode_ragged(self, texts, *, max_length=None):
        rows = [[int(number) for number in text.split()] for text in texts]
        if max_length is not None:
            rows = [row[: max_length - len(self.special)] for row in rows]
        return [[*self.special[:1], *row, *self.special[1:]] for row in rows]

    def create_token_type_ids_from_sequences(self, ids):
        return [0] * (len(ids) + len(self.special))

    def convert_ids_to_tokens(self, ids):
        return [str(index) for index in ids]


def small_model(model_type, task="Model", **changes):
    """A network of this family with random weights that are large enough for a mistake to show."""
    family = registry.family(model_type)
    config_class = registry.load(family, family.config)
    wanted = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 40,
        "initializer_range": 0.15,
    } | changes
    known = {*vars(config_class()), *config_class.aliases}
    config = config_class(**{key: value for key, value in wanted.items() if key in known} | family.small)
    torch.manual_seed(1)
    model = registry.load(family, family.models[task])(config).eval()
    with torch.no_grad():  # biases and norms start as 0 and 1; make them count
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn_like(parameter)
    return model
