"""Do files in float16, bfloat16 and float8 load right, whatever type is asked for?"""

import pytest
import torch
from safetensors.torch import save_file

from pretrained import BertConfig, BertModel

HALVES = (torch.float16, torch.bfloat16)
EIGHTHS = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)
CONFIG = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12)


def saved(folder, dtype, keep=()):
    """A folder whose weights are of this type, but for those whose names hold one of `keep`; and what they are."""
    torch.manual_seed(0)
    state = {
        name: value if any(part in name for part in keep) else value.to(dtype)
        for name, value in BertModel(CONFIG).state_dict().items()
    }
    CONFIG.save_pretrained(folder)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    return state


def assert_holds(model, state, dtype):
    for name, value in model.state_dict().items():
        assert value.dtype == dtype, name
        assert torch.equal(value, state[name].to(dtype)), name
    with torch.no_grad():
        assert model(torch.tensor([[1, 2, 3]]))[0].isfinite().all()


@pytest.mark.parametrize("stored", [*HALVES, *EIGHTHS], ids=str)
@pytest.mark.parametrize("asked", [None, torch.float32, "float16", torch.bfloat16], ids=str)
def test_a_type_that_is_asked_for(tmp_path, stored, asked):
    state = saved(tmp_path, stored)
    expected = {None: torch.float32, "float16": torch.float16}.get(asked, asked)
    assert_holds(BertModel.from_pretrained(tmp_path, dtype=asked), state, expected)


@pytest.mark.parametrize("stored", HALVES, ids=str)
def test_halves_stay_halves(tmp_path, stored):
    state = saved(tmp_path, stored)
    assert_holds(BertModel.from_pretrained(tmp_path, dtype="auto"), state, stored)


@pytest.mark.parametrize("stored", [*EIGHTHS, torch.float8_e8m0fnu], ids=str)
def test_eighths_alone_become_bfloat16(tmp_path, stored):
    """No layer computes in 8 bits, and bfloat16 is the smallest type that has all their numbers."""
    state = saved(tmp_path, stored)
    model = BertModel.from_pretrained(tmp_path, dtype="auto")
    assert_holds(model, state, torch.bfloat16)
    assert all(torch.equal(value.to(stored).view(torch.uint8), state[name].view(torch.uint8))
               for name, value in model.state_dict().items())  # fmt: skip
    assert "weights of 8 bits are loaded as torch.bfloat16: layers do not compute in 8 bits" in model.load_report.notes


def test_eighths_become_what_the_others_are(tmp_path):
    state = saved(tmp_path, torch.float8_e4m3fn, keep=("LayerNorm", "bias", "embeddings"))
    assert_holds(BertModel.from_pretrained(tmp_path, dtype="auto"), state, torch.float32)
