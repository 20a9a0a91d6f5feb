"""A recipe that is written and read is the same one, whatever stands in it."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrained.errors import ConfigurationError
from pretrained.training import Recipe, TrainingOptions

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)


@given(TEXTS, TEXTS, TEXTS, st.floats(1e-300, 1e300), st.booleans(), st.integers(0, 2**62))
def test_round_trip(name: str, folder: str, column: str, rate: float, packed: bool, seed: int) -> None:
    options = TrainingOptions(learning_rate=rate, packed=packed, seed=seed, betas=(0.5, 0.75), class_weights=[1, rate])
    recipe = Recipe(
        task="sst2", model=name, data=folder, output=folder, text_column=column, max_length=7, training=options
    )
    assert Recipe.from_dict(tomllib.loads(recipe.to_toml())) == recipe


def test_file(tmp_path: Path) -> None:
    recipe = Recipe.of("cola", "C:\\models\\bert", "a \"b\"\n\x7f\u2028'''", tmp_path / "中文", options={"epochs": 1})
    recipe.write(tmp_path / "finetune.toml")
    assert Recipe.read(tmp_path / "finetune.toml") == recipe
    assert Recipe.read(tmp_path / "finetune.toml", model="other").model == "other"
    assert recipe.training.epochs == 1
    assert recipe.training.learning_rate == 2e-5  # the task's


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task =", "cannot be read as TOML"),
        ('task = "sst2"', "needs model, data, output"),
        ('task = "sst2"\nmodell = "x"', "recipe has no modell"),
        ('task = "a"\nmodel = "b"\ndata = "c"\noutput = "d"\n[training]\nrate = 1', "no training option rate"),
        ('task = "a"\nmodel = "b"\ndata = "c"\noutput = "d"\nseeds = 0', "seeds=0"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        Recipe.read(tmp_path / "a.toml")
