"""Every task runs on data in its published layout, goes on after it was stopped, and leaves a model that loads."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pretrained import AutoTokenizer, pipeline, registry
from pretrained.errors import ConfigurationError, DataError, PretrainedError
from pretrained.training import TASKS, Recipe, TrainingOptions, evaluate, finetune

from .samples import WRITERS, write_data


def options(**more: Any) -> TrainingOptions:
    return TrainingOptions(**{"max_steps": 6, "batch_size": 8, "learning_rate": 1e-3, "save_every": 2, **more})


def same_weights(one: Path, other: Path) -> bool:
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class Stopped(Exception):
    pass


def stop_at(step: int) -> Any:
    def progress(state: Any, steps: int) -> None:
        if state.step == step:
            raise Stopped

    return progress


def test_samples_cover_every_task() -> None:
    assert WRITERS.keys() == TASKS.keys()


@pytest.mark.parametrize("task", TASKS)
def test_task_runs_and_resumes(task: str, tiny: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    data = write_data(task, tmp_path / "data")
    model = tiny_gpt2 if task == "causal-lm" else tiny
    result = finetune(task, str(model), data, tmp_path / "whole", options=options(), max_length=48)
    with pytest.raises(Stopped):
        finetune(task, str(model), data, tmp_path / "cut", options=options(), max_length=48, progress=stop_at(3))
    again = finetune(task, str(model), data, tmp_path / "cut", options=options(), max_length=48)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert again.metrics == result.metrics
    assert again.state.history == result.state.history
    assert not (tmp_path / "whole" / "checkpoints").exists()
    metric = TASKS[task].metrics[0]
    assert metric in result.metrics["dev"]
    measured, _ = evaluate(task, str(tmp_path / "whole"), data, max_length=48)
    assert measured == pytest.approx(result.metrics["dev"], abs=1e-6)
    loaded: Any = registry.load(*registry.public_names()[result.facts["architecture"]])
    assert loaded.from_pretrained(tmp_path / "whole").load_report.missing == []
    assert AutoTokenizer.from_pretrained(tmp_path / "whole").tokenize("good") != []
    page = (tmp_path / "whole" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "http" not in page.split("</style>")[1].replace("https://", "http://").split("<h2>Recipe")[0]


@pytest.mark.slow
def test_a_killed_process_goes_on_with_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data", train=200)
    settings = [
        "--max-steps",
        "60",
        "--batch-size",
        "8",
        "--save-every",
        "3",
        "--threads",
        "1",
        "--learning-rate",
        "1e-3",
    ]

    def command(output: str) -> list[str]:
        where = ["--task", "sst2", "--model", str(tiny), "--data", str(data), "--output", str(tmp_path / output)]
        return [sys.executable, "-m", "pretrained", "finetune", *where, *settings]

    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run(command("whole"), check=True, capture_output=True, env=environment)
    killed = 0
    for wait in (0, 5, 20):
        process = subprocess.Popen(
            command("cut"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        checkpoints = tmp_path / "cut" / "checkpoints"
        while process.poll() is None and not any(
            int(path.name[5:]) > wait for path in (checkpoints.glob("step-*") if checkpoints.is_dir() else ())
        ):
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed > 0
    if not (tmp_path / "cut" / "metrics.json").is_file():  # on a slow machine the last kill may come after the end
        subprocess.run(command("cut"), check=True, capture_output=True, env=environment)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_give_the_result_of_one(steady: Path, tmp_path: Path, parallel: str) -> None:
    data = write_data("sst2", tmp_path / "data", train=21)
    settings = ["--max-steps", "5", "--batch-size", "8", "--threads", "1", "--learning-rate", "1e-3", "--warmup", "0"]

    def command(output: str) -> list[str]:
        where = ["--task", "sst2", "--model", str(steady), "--data", str(data), "--output", str(tmp_path / output)]
        return ["-m", "pretrained", "finetune", *where, *settings, "--parallel", parallel]

    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command("one")], check=True, capture_output=True, env=environment)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([sys.executable, *torchrun, *command("two")], capture_output=True, env=environment, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "more",
    [
        {"accumulate": 2},
        {"packed": False},
        {"gradient_checkpointing": True},
    ],
)
def test_how_a_step_is_computed_does_not_change_it(more: dict[str, Any], steady: Path, tmp_path: Path) -> None:
    data = write_data("germeval", tmp_path / "data")
    finetune("germeval", str(steady), data, tmp_path / "plain", options=options())
    finetune("germeval", str(steady), data, tmp_path / "other", options=options(**more))
    plain, other = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "other"))
    for name, tensor in plain.items():
        torch.testing.assert_close(other[name], tensor, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "more",
    [
        {"precision": "bf16"},
        {"label_smoothing": 0.1},
        {"class_weights": "balanced"},
        {"class_weights": [1.0, 3.0]},
        {"layer_decay": 0.9, "schedule": "cosine", "warmup": 2},
        {"freeze": "embeddings,0"},
        {"lora": 2, "lora_dropout": 0.1},
        {"schedule": "constant", "max_grad_norm": 0},
    ],
)
def test_options_train(more: dict[str, Any], tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    finetune("sst2", str(tiny), data, tmp_path / "plain", options=options())
    result = finetune("sst2", str(tiny), data, tmp_path / "other", options=options(**more))
    assert not same_weights(tmp_path / "plain", tmp_path / "other")
    assert all(torch.isfinite(value).all() for value in load_file(tmp_path / "other" / "model.safetensors").values())
    assert result.state.step == 6


def test_frozen_parts_stay(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    finetune("sst2", str(tiny), data, tmp_path / "out", options=options(freeze="embeddings,0"))
    before, after = load_file(tiny / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    for name in before.keys() & after.keys():
        held = "embeddings" in name or "layer.0." in name
        assert torch.equal(before[name], after[name]) == held or "key.bias" in name, name


def test_early_stopping_and_best_weights(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data", train=64)
    result = finetune(
        "sst2", str(tiny), data, tmp_path / "out", options=options(max_steps=80, evaluate_every=2, patience=2)
    )
    measured = [row for row in result.state.history if "metrics" in row]
    best = max(row["metrics"]["accuracy"] for row in measured)
    assert result.metrics["dev"]["accuracy"] == pytest.approx(best)
    assert result.state.step == result.state.best_step + 4 or result.state.step == 80


def test_several_seeds(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    result = finetune("sst2", str(tiny), data, tmp_path / "out", options=options(), seeds=3)
    assert [run["seed"] for run in result.runs] == [42, 43, 44]
    best = max(result.runs, key=lambda run: run["metrics"]["dev"]["accuracy"])
    assert result.metrics["dev"] == best["metrics"]["dev"]
    assert same_weights(tmp_path / "out", tmp_path / "out" / f"seed-{best['seed']}")
    assert "mean ± sd" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_degenerate_run_is_flagged(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    path = data / "train.tsv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *(row[:-1] + "1" for row in rows[2:] * 5), rows[1][:-1] + "0"]) + "\n")
    result = finetune("sst2", str(tiny), data, tmp_path / "out", options=options(max_steps=30, learning_rate=1e-2))
    assert result.warnings
    assert "degenerate" in result.warnings[0]


@pytest.mark.parametrize(
    ("task", "label"), [("classification", "stars"), ("regression", "score"), ("multi-label", "topics")]
)
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_own_data(task: str, label: str, ending: str, tiny: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for n in range(16):
        text = f"the film was {'good' if n % 2 else 'bad'}"
        rows.append({"review": text, "stars": str(n % 2), "score": n / 3, "topics": "a;b" if n % 2 else "b"})
    for split in ("train", "dev"):
        _write(tmp_path / f"{split}.{ending}", rows)
    result = finetune(
        task, str(tiny), tmp_path, tmp_path / "out", options=options(), text_column="review", label_column=label
    )
    assert result.predictions[0]["text"] == "the film was bad"
    assert result.metrics["dev"]


def test_labels_that_look_like_numbers(tiny: Path, tmp_path: Path) -> None:
    for labels, wanted in (
        (["²", "①"], ("²", "①")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["--5", "4"], ("--5", "4")),
    ):
        rows = [{"text": f"the film was {word}", "label": label} for word, label in zip("abc", labels, strict=False)]
        for split in ("train", "dev"):
            _write(tmp_path / f"{split}.csv", rows)
        result = finetune("classification", str(tiny), tmp_path, tmp_path / "".join(labels), options=options())
        assert result.labels == wanted


def test_lists_of_labels(tiny: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "a good film", "label": ["a ", "b"]}, {"text": "a bad film", "label": ["a"]}]
    for split in ("train", "dev"):
        _write(tmp_path / f"{split}.jsonl", rows)
    assert finetune("multi-label", str(tiny), tmp_path, tmp_path / "out", options=options()).labels == ("a", "b")
    for split in ("train", "dev"):
        _write(tmp_path / f"{split}.jsonl", [{**row, "label": []} for row in rows])
    with pytest.raises(DataError, match=r"train\.jsonl: no row has a label in the column 'label'"):
        finetune("multi-label", str(tiny), tmp_path, tmp_path / "none", options=options())


@pytest.mark.parametrize("column", ["text", "pair"])
def test_lists_are_no_texts(column: str, tiny: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "a film", "pair": "it was", "label": label} for label in "010101"]
    _write(tmp_path / "dev.jsonl", rows)
    rows[2][column], rows[4][column] = ["a", "film"], {"a": "film"}
    _write(tmp_path / "train.jsonl", rows)
    said = rf"train\.jsonl, line 3: the column '{column}' holds a list; expected a text \(and 1 more"
    with pytest.raises(DataError, match=said):
        finetune("classification", str(tiny), tmp_path, tmp_path / "out", options=options(), pair_column="pair")


@pytest.mark.parametrize(
    ("ending", "columns"), [("txt", {}), ("jsonl", {}), ("tsv", {"text_column": "1", "label_column": "2"})]
)
def test_own_words(ending: str, columns: dict[str, str], tiny: Path, tmp_path: Path) -> None:
    sentences = [[("anna", "B-PER"), ("went", "O"), ("to", "O"), ("paris", "B-LOC")], [("it", "O"), ("was", "O")]] * 4
    for split in ("train", "dev"):
        if ending == "jsonl":
            rows = [{"tokens": [w for w, _ in each], "ner_tags": [t for _, t in each]} for each in sentences]
            _write(tmp_path / f"{split}.jsonl", rows)
        else:
            line = "{w} {t}" if ending == "txt" else "7\t{w}\t{t}\tx"
            text = "\n\n".join("\n".join(line.format(w=w, t=t) for w, t in each) for each in sentences)
            (tmp_path / f"{split}.{ending}").write_text(text + "\n")
    result = finetune("tokens", str(tiny), tmp_path, tmp_path / "out", options=options(), **columns)
    assert result.labels == ("B-LOC", "B-PER", "O")
    assert result.predictions[0]["words"] == ["anna", "went", "to", "paris"]
    with pytest.raises(ConfigurationError, match=r"text_column='word': .* 0 for the first"):
        finetune("tokens", str(tiny), tmp_path, tmp_path / "other", text_column="word")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")


def test_recipe_repeats_the_run(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    finetune("sst2", str(tiny), data, tmp_path / "out", options=options())
    read = Recipe.read(tmp_path / "out" / "finetune.toml", output=str(tmp_path / "again"))
    assert read.training == options()
    from pretrained.training.run import run

    run(read)
    assert same_weights(tmp_path / "out", tmp_path / "again")


# -- what is wrong is said before time is spent


def broken(task: str, folder: Path, name: str, text: str) -> Path:
    data = write_data(task, folder)
    (data / name).write_text(text, encoding="utf-8")
    return data


WRONG = {"id": "x", "question": "q", "answers": [{"text": "c", "answer_start": 0}]}


@pytest.mark.parametrize(
    ("task", "name", "text", "said"),
    [
        ("sst2", "train.tsv", "sentence\tlabel\ngood film\t1\nbad film\t1\n", "only one label"),
        ("sst2", "dev.tsv", "sentence\tlabel\ngood film\t7\n", "line 2: the label '7'"),
        ("sst2", "train.tsv", "", "no rows"),
        ("sst2", "train.tsv", "text\tlabel\ngood\t1\n", "'sentence'"),
        ("sst2", "train.tsv", "sentence\tlabel\ngood film\n", "line 2: 1 columns"),
        ("sst2", "train.tsv", "sentence\tlabel\n \t1\nbad\t0\n", "line 2: the text"),
        ("stsb", "train.tsv", "sentence1\tsentence2\tscore\na\tb\thigh\n", "line 2: 'high'"),
        ("germeval", "NER-de-dev.tsv", "1\tanna\tB-DOG\tO\n", "line 1: the tag 'B-DOG'"),
        ("germeval", "NER-de-train.tsv", "anna\n", "one column"),
        ("squad", "train-v1.1.json", json.dumps({"data": [{"paragraphs": [{"context": "a b", "qas": [WRONG]}]}]}),
         "question x: the answer 'c'"),
        ("squad", "train-v1.1.json", "{", "is no JSON"),
        ("swag", "train.csv", "sent1,sent2,ending0,label\na,b,c,0\n", "expected the columns"),
        ("swag", "train.csv", "sent1,sent2,ending0,ending1,label\na,b,c,d,5\n", "line 2: the label '5'"),
        ("masked-lm", "train.txt", "\n\n", "has no text"),
    ],
)  # fmt: skip
def test_bad_data_is_named_by_file_and_line(
    task: str, name: str, text: str, said: str, tiny: Path, tmp_path: Path
) -> None:
    data = broken(task, tmp_path / "data", name, text)
    with pytest.raises(DataError, match=said) as error:
        finetune(task, str(tiny), data, tmp_path / "out", options=options())
    assert name in str(error.value)


def test_missing_file_names_what_is_there(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "training.tsv").write_text("x")
    with pytest.raises(DataError, match=r"looked for train\.tsv.*found training\.tsv"):
        finetune("sst2", str(tiny), tmp_path / "data", tmp_path / "out")


def test_output_folder_of_something_else_is_kept(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(ConfigurationError, match=r"not empty, and of no earlier run.* remove this one by hand"):
            finetune("sst2", str(tiny), data, tmp_path / "letters", options=options(), overwrite=overwrite)
    assert contents(tmp_path / "letters") == {"letter.txt": b"dear"}
    finetune("sst2", str(tiny), data, tmp_path / "out", options=options())
    with pytest.raises(ConfigurationError, match=r"another run \(.*max_steps"):
        finetune("sst2", str(tiny), data, tmp_path / "out", options=options(max_steps=2))
    with pytest.raises(ConfigurationError, match="result of this very run"):
        finetune("sst2", str(tiny), data, tmp_path / "out", options=options())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["data", "model", "project", "."])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_run_needs_is_never_overwritten(
    what: str, overwrite: bool, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project" / "code").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "code")
    shutil.copytree(tiny, tmp_path / "model")
    data = write_data("sst2", tmp_path / "data")
    if overwrite:  # all look as an earlier run's result
        (tmp_path / what / "finetune.toml").write_text("")
    (tmp_path / what / "notes.txt").write_text("dear")
    before = contents(tmp_path)
    with pytest.raises(ConfigurationError, match=r"--output .* is, or holds, the (data|model|current folder) \("):
        finetune("sst2", str(tmp_path / "model"), data, tmp_path / what, options=options(), overwrite=overwrite)
    assert contents(tmp_path) == before


def test_a_data_file_is_never_overwritten(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    out = tmp_path / "out"
    finetune("sst2", str(tiny), data, out, options=options())
    (data / "dev.tsv").rename(out / "dev.tsv")
    with pytest.raises(ConfigurationError, match=r"holds, the data \(.*dev\.tsv\)"):
        finetune("sst2", str(tiny), data, out, options=options(), overwrite=True, dev_file=str(out / "dev.tsv"))
    assert (out / "dev.tsv").is_file()


def test_a_result_is_overwritten_when_nothing_is_wrong(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    out = tmp_path / "out"
    finetune("sst2", str(tiny), data, out, options=options(), seeds=2)
    before = contents(out)
    wrong: list[tuple[str, Path, dict[str, Any]]] = [
        (str(tiny), tmp_path / "dta", {}),
        (str(tmp_path / "tny"), data, {}),
        (str(tiny), data, {"class_weights": [1.0]}),
        (str(tiny), data, {"freeze": "7"}),
        (str(tiny), data, {"lora": 2, "lora_targets": "nothing"}),
    ]
    for model, folder, more in wrong:
        with pytest.raises(PretrainedError):
            finetune("sst2", model, folder, out, options=options(**more), overwrite=True, seeds=3)
        assert contents(out) == before
    finetune("sst2", str(tiny), data, out, options=options(seed=7), overwrite=True)
    assert not [path for path in out.iterdir() if path.name.startswith(("seed-", "."))]
    assert Recipe.read(out / "finetune.toml").training.seed == 7


def test_one_run_at_a_time_in_a_folder(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    refused = 0

    def join(state: Any, steps: int) -> None:
        nonlocal refused
        for overwrite in (False, True):
            with pytest.raises(ConfigurationError, match=r"another run goes into .*out at this moment"):
                finetune("sst2", str(tiny), data, tmp_path / "out", options=options(), overwrite=overwrite)
            refused += 1

    finetune("sst2", str(tiny), data, tmp_path / "out", options=options(), progress=join)
    assert refused == 12
    assert not (tmp_path / "out" / ".lock").exists()


def test_a_run_that_was_refused_leaves_its_folder_free(tiny: Path, tmp_path: Path) -> None:
    rows = [{"review": f"the film was {word}", "stars": stars} for word, stars in (("good", 1), ("bad", 0)) * 4]
    for split in ("train", "dev"):
        _write(tmp_path / f"{split}.csv", rows)
    columns = {"text_column": "review"}
    with pytest.raises(
        DataError, match=r"has no column 'text'; its columns are: review, stars\..* text: --text-column"
    ):
        finetune("classification", str(tiny), tmp_path, tmp_path / "out", options=options())
    for task in ("classification", "multi-label"):
        with pytest.raises(DataError, match=r"has no column 'label'.*holds the label: --label-column"):
            finetune(task, str(tiny), tmp_path, tmp_path / "out", options=options(), **columns)
    with pytest.raises(
        DataError, match=r"line 2: no label \(column 'label'\)\. --label-column .*\(and 7 more bad rows"
    ):
        finetune("regression", str(tiny), tmp_path, tmp_path / "out", options=options(), **columns)
    columns["label_column"] = "stars"
    finetune("regression", str(tiny), tmp_path, tmp_path / "out", options=options(), **columns)
    (said,) = pipeline("text-classification", model=str(tmp_path / "out"))("the film was good")
    assert said["label"] == "stars"


def test_model_without_the_head(tiny_gpt2: Path, tmp_path: Path) -> None:
    data = write_data("squad", tmp_path / "data")
    with pytest.raises(ConfigurationError, match="needs a head ForQuestionAnswering"):
        finetune("squad", str(tiny_gpt2), data, tmp_path / "out", options=options())


def test_rows_longer_than_the_model(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    with pytest.raises(ConfigurationError, match=r"max_length=65, and .* takes rows of 64 tokens"):
        finetune("sst2", str(tiny), data, tmp_path / "out", options=options(), max_length=65)


def test_evaluate_wants_a_trained_head(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    with pytest.raises(ConfigurationError, match="no trained head"):
        evaluate("sst2", str(tiny), data)


def test_evaluate_says_which_splits_there_are(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    with pytest.raises(DataError, match=r"no split 'foo'; data have the splits train, dev, test"):
        evaluate("sst2", str(tiny), data, split="foo")
    with pytest.raises(DataError, match=r"no test data .*test\.tsv.*found dev\.tsv, train\.tsv.* --test-file FILE"):
        evaluate("sst2", str(tiny), data, split="test")


def test_unknown_names_are_told_with_the_near_ones(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean sst2"):
        finetune("sst3", str(tiny), tmp_path, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="no training option learning_rat"):
        finetune("sst2", str(tiny), tmp_path, tmp_path / "out", options={"learning_rat": 1})
    with pytest.raises(ConfigurationError, match="recipe has no text_colum"):
        finetune("sst2", str(tiny), tmp_path, tmp_path / "out", text_colum="x")


def test_a_diverged_run_stops(tiny: Path, tmp_path: Path) -> None:
    data = write_data("stsb", tmp_path / "data")
    with pytest.raises(ConfigurationError, match="the run diverged"):
        finetune(
            "stsb", str(tiny), data, tmp_path / "out", options=options(learning_rate=1e30, max_grad_norm=0, warmup=0)
        )
