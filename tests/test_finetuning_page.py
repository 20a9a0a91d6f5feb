"""Do the commands and examples of docs/finetuning.md run, and does the Chinese page show the same?"""

import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import ConfigurationError
from pretrained.training import finetune
from tests.cli.conftest import cli
from tests.hub.packing import here
from tests.test_readme import ROOT, blocks
from tests.training.samples import write_bert, write_data, write_gpt2

__all__ = ["cli", "here"]
PAGE, CHINESE = ROOT / "docs" / "finetuning.md", ROOT / "docs" / "finetuning.zh-CN.md"


@pytest.fixture
def machine(here: Path, tmp_path: Path) -> Path:
    """A machine with a small BERT in its cache, and the folders of data that the page names."""
    repository = tmp_path / "cache" / "models--google-bert--bert-base-uncased"
    commit = "a1" * 20
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    write_bert(repository / "snapshots" / commit)
    write_gpt2(here / "gpt2-folder")
    for task, folder in (("sst2", "SST-2"), ("conll2003", "conll"), ("squad", "squad"), ("masked-lm", "texts")):
        write_data(task, here / folder)
    (here / "reviews").mkdir()
    chance = random.Random(0)
    for split in ("train", "dev"):
        lines = [f'"a {chance.choice(["good", "bad"])} film, it was",{n % 5 + 1}' for n in range(20)]
        (here / "reviews" / f"{split}.csv").write_text("\n".join(["review,stars", *lines]) + "\n")
    return here


def test_the_examples_run(machine: Path, cli: Callable[..., Any]) -> None:
    namespace: dict[str, object] = {}
    ran = []
    for language, code in blocks(PAGE):
        if language == "python":
            exec(compile(code, PAGE.name, "exec"), namespace)
            ran.append(language)
        elif language == "toml":
            (machine / "recipe.toml").write_text(code, encoding="utf-8")
        for line in code.splitlines() if language == "sh" else ():
            ended = cli(*shlex.split(line)[1:])
            assert ended.code == 0, f"{line}\n{ended.err}"
            ran.append(shlex.split(line)[1])
    assert ran.count("python") == 4
    assert ran.count("finetune") == 8
    files = {path.name for path in (machine / "sst2-model").iterdir()}
    assert {"model.safetensors", "config.json", "report.html", "README.md", "metrics.json", "predictions.jsonl",
            "finetune.toml"} <= files  # fmt: skip
    content = json.loads((machine / "three" / "metrics.json").read_text(encoding="utf-8"))
    assert [run["seed"] for run in content["runs"]] == [42, 43, 44]
    assert (machine / "with-lora" / "adapter" / "adapter_model.safetensors").is_file()
    with pytest.raises(ConfigurationError, match="sees the tokens"):
        finetune("causal-lm", "bert-base-uncased", "texts", "no", options={"max_steps": 1}, max_length=48)


def test_both_languages_show_the_same() -> None:
    assert blocks(PAGE) == blocks(CHINESE)
    english, chinese = (page.read_text(encoding="utf-8") for page in (PAGE, CHINESE))
    assert english.count("\n#") == chinese.count("\n#")
    assert english.count("\n|") == chinese.count("\n|")
