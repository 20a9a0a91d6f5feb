"""Do attacks on other libraries that have a name of their own do nothing here? docs/security.md lists them all."""

import base64
import json
import marshal
import re
from pathlib import Path

import h5py
import numpy as np
import torch

from pretrained import AutoModel, AutoTokenizer, BertConfig, BertModel
from tests.keras_file import keras_names, write_keras

ROOT = Path(__file__).parents[2]
CONFIG = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12)


def test_code_in_the_description_of_a_keras_model(tmp_path: Path) -> None:
    """Keras makes a function of what a Lambda layer holds, when it makes the layers that an h5 file describes."""
    canary = tmp_path / "canary"
    code = marshal.dumps(compile(f"__import__('pathlib').Path({str(canary)!r}).touch()", "layer", "exec"))
    function = {"class_name": "__lambda__", "config": {"code": base64.b64encode(code).decode()}}
    layer = {"class_name": "Lambda", "config": {"name": "evil", "function": function}}
    exec(marshal.loads(base64.b64decode(function["config"]["code"])))  # what is hidden there works
    canary.unlink()

    model = BertModel(CONFIG)
    CONFIG.save_pretrained(tmp_path)
    tensors = {name: value.numpy() for name, value in model.state_dict().items()}
    write_keras(keras_names(tensors), tmp_path / "tf_model.h5")
    with h5py.File(tmp_path / "tf_model.h5", "a") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
        file.attrs["keras_version"] = "2.15.0"
    loaded = BertModel.from_pretrained(tmp_path)
    assert all(np.array_equal(value.numpy(), tensors[name]) for name, value in loaded.state_dict().items())
    assert not canary.exists()


def test_code_beside_a_model(tmp_path: Path) -> None:
    """A configuration may name classes of its own folder, or of another, which others import."""
    canary = tmp_path / "canary"
    BertModel(CONFIG).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmno")))
    (tmp_path / "evil.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\nclass Evil: pass\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModel", "AutoTokenizer"), "evil.Evil")
    config |= {"trust_remote_code": True, "_attn_implementation_internal": f"{tmp_path}/evil:Evil"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil.Evil", None]}}))
    model = AutoModel.from_pretrained(tmp_path, trust_remote_code=True)
    ids = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=True).encode("a b")
    assert type(model) is BertModel
    assert model(torch.tensor([ids]))[0].shape == (1, 4, 8)
    assert not canary.exists()


def test_the_page_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
