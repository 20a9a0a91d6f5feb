"""Do the public names exist, lazily, and does the stub for editors list the same?"""

import ast
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pretrained


def test_every_name_can_be_imported():
    for name in pretrained.__all__:
        assert getattr(pretrained, name) is not None, name


def test_star_import():
    names = {}
    exec("from pretrained import *", names)
    assert names["AutoTokenizer"] is pretrained.AutoTokenizer
    assert names["BertModel"] is pretrained.BertModel


def test_two_names_of_one_class():
    assert pretrained.BertTokenizerFast is pretrained.BertTokenizer


def test_unknown_names_get_a_hint():
    with pytest.raises(AttributeError, match="did you mean BertModel"):
        _ = pretrained.BertModl
    with pytest.raises(ImportError):
        exec("from pretrained import NoSuchThing")
    with pytest.raises(ImportError, match="did you mean BertModel"):
        exec("from pretrained import BertModle")
    assert not hasattr(pretrained, "BertModle")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("TFBertModel", "BertModel.from_pretrained reads the weights of TensorFlow too"),
        ("FlaxGPT2LMHeadModel", "GPT2LMHeadModel.from_pretrained reads the weights of Flax too"),
        ("Trainer", "docs/finetuning.md"),
        ("DataCollatorWithPadding", "tokenizer.pad"),
        ("LogitsProcessorList", "docs/generation.md"),
        ("T5ForConditionalGeneration", "docs/families.md"),
    ],
)
def test_names_of_other_libraries_lead_somewhere(name, said):
    with pytest.raises(ImportError, match=said):
        exec(f"from pretrained import {name}")


def test_seeds():
    drawn = []
    for _ in range(2):
        pretrained.set_seed(5)
        drawn.append((random.random(), np.random.rand(), float(torch.rand(()))))
    assert drawn[0] == drawn[1]


def test_the_stub_is_fresh():
    script = Path(__file__).resolve().parents[1] / "scripts" / "stub.py"
    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr + "run: python scripts/stub.py"
    stub = ast.parse(Path(pretrained.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    listed = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    listed |= {node.targets[0].id for node in stub.body if isinstance(node, ast.Assign)}
    assert listed == set(pretrained.__all__) - {"__version__"}
