"""Are differences between two models found, named and measured?"""

from pathlib import Path

import pytest
import torch

from pretrained import BertConfig, BertForMaskedLM
from pretrained.checkpoints import save_checkpoint
from pretrained.conversion import Row, compare, open_model


def rows(folder: Path, one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict[str, Row]:
    for name, tensors, format in (("one", one, "safetensors"), ("other", other, "pytorch")):
        (folder / name).mkdir()
        save_checkpoint(tensors, folder / name, format=format)
    return {row.name: row for row in compare(open_model(folder / "one"), open_model(folder / "other"))}


def test_what_is_equal_different_and_missing(tmp_path: Path) -> None:
    base = torch.arange(6.0).view(2, 3)
    changed = base.clone()
    changed[1, 1] += 0.25
    found = rows(
        tmp_path,
        {"same": base, "value": base + 0, "shape": base * 1, "type": base.half(), "only here": base + 1},
        {"same": base, "value": changed, "shape": base[:, :2], "type": base + 0, "only there": base + 1},
    )
    assert {name: row.status for name, row in found.items()} == {
        "same": "equal",
        "value": "different",
        "shape": "different",
        "type": "equal",
        "only here": "missing",
        "only there": "missing",
    }
    assert found["value"].difference == 0.25
    assert found["type"].dtypes == (torch.float16, torch.float32)
    assert found["shape"].shapes == ((2, 3), (2, 2))
    assert found["shape"].difference is None
    assert found["only here"].shapes == ((2, 3), None)


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    found = rows(
        tmp_path,
        {"same": torch.tensor([nan, inf]), "zero": torch.tensor([0.0]), "one side": torch.tensor([nan, 1])},
        {"same": torch.tensor([nan, inf]).double(), "zero": torch.tensor([-0.0]), "one side": torch.tensor([0.0, 1])},
    )
    assert [found[name].status for name in ("same", "zero", "one side")] == ["equal", "equal", "different"]
    assert found["one side"].difference != found["one side"].difference


@pytest.mark.parametrize(
    "tensor",
    [torch.empty(0, 3), torch.tensor(2.0), torch.tensor([True, False]), torch.ones(3).to(torch.float8_e4m3fn)],
)
def test_unusual_tensors(tensor: torch.Tensor, tmp_path: Path) -> None:
    wide = tensor if tensor.dtype == torch.bool else tensor.double()
    assert rows(tmp_path, {"a": tensor}, {"a": wide})["a"].status == "equal"


def test_names_of_one_class(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    model = BertForMaskedLM(config)
    model.save_pretrained(tmp_path / "head", format="pytorch")  # with the tied name
    model.save_pretrained(tmp_path / "head again")  # without
    model.bert.save_pretrained(tmp_path / "bare")
    assert {row.status for row in compare(open_model(tmp_path / "head"), open_model(tmp_path / "head again"))} == {
        "equal"
    }
    found = list(compare(open_model(tmp_path / "bare"), open_model(tmp_path / "head")))
    assert {row.name for row in found if row.status == "equal"} == set(model.bert.state_dict())
    assert {row.name.split(".")[0] for row in found if row.status == "missing"} == {"cls"}
    (tmp_path / "file").mkdir()
    (tmp_path / "head" / "pytorch_model.bin").rename(tmp_path / "file" / "weights.bin")  # nothing tells its class
    found = list(compare(open_model(tmp_path / "file"), open_model(tmp_path / "head again")))
    assert {row.status for row in found} == {"equal"}
