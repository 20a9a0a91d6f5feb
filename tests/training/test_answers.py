"""Questions are learned by the head that a checkpoint has, and scored as the published script does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from pretrained import AutoTokenizer, pipeline, registry
from pretrained.decoding.answers import Candidates, Window, best_searched
from pretrained.training import TrainingOptions, evaluate, finetune
from pretrained.training.kinds.answers import Answers
from pretrained.training.tasks import TASKS

from .samples import write_data
from .test_families import write_model

SEARCHING = {
    "xlnet": "XLNetForQuestionAnswering",
    "xlm": "XLMForQuestionAnswering",
    "flaubert": "FlaubertForQuestionAnswering",
}


@pytest.fixture(scope="module")
def searching(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small networks as they were published with the head that searches spans."""
    found = {}
    for model_type, name in SEARCHING.items():
        folder = write_model(model_type, tiny, tmp_path_factory.mktemp(model_type))
        loaded: Any = registry.load(*registry.public_names()[name])
        torch.manual_seed(0)
        loaded.from_pretrained(folder, start_n_top=4, end_n_top=3).save_pretrained(folder)
        found[model_type] = folder
    return found


def head(folder: Path) -> dict[str, torch.Tensor]:
    names = ("qa_outputs", "start_logits", "end_logits", "answer_class")
    return {name: each for name, each in load_file(folder / "model.safetensors").items() if name.startswith(names)}


@pytest.mark.parametrize("model_type", SEARCHING)
def test_the_published_head_goes_on_learning(model_type: str, searching: dict[str, Path], tmp_path: Path) -> None:
    data = write_data("squad2", tmp_path / "data")
    options = TrainingOptions(max_steps=4, batch_size=8, learning_rate=1e-4, warmup=0)
    result = finetune("squad2", str(searching[model_type]), data, tmp_path / "out", options=options, max_length=48)
    assert result.facts["architecture"] == SEARCHING[model_type]
    before, after = head(searching[model_type]), head(tmp_path / "out")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        moved = (after[name] - tensor).abs().max()
        assert 0 < moved <= 5e-4, name  # it goes on from the weights that it had, all of it learns
    metrics, said = evaluate("squad2", str(tmp_path / "out"), data, max_length=48)
    assert metrics == pytest.approx(result.metrics["dev"])
    assert said == json.loads(f"[{','.join((tmp_path / 'out' / 'predictions.jsonl').read_text().splitlines())}]")


@pytest.mark.parametrize("model_type", SEARCHING)
def test_a_checkpoint_without_it_gets_the_simple_head(model_type: str, tiny: Path, tmp_path: Path) -> None:
    folder = write_model(model_type, tiny, tmp_path / "model")
    data = write_data("squad", tmp_path / "data", train=4, dev=3)
    options = TrainingOptions(max_steps=1, batch_size=4)
    result = finetune("squad", str(folder), data, tmp_path / "out", options=options, max_length=48)
    assert result.facts["architecture"] == f"{SEARCHING[model_type]}Simple"


@pytest.mark.parametrize("model_type", ["xlnet", "xlm"])
def test_the_loss_is_the_published_one(model_type: str, searching: dict[str, Path], tmp_path: Path) -> None:
    data = write_data("squad2", tmp_path / "data")
    folder = searching[model_type]
    model: Any = registry.load(*registry.public_names()[SEARCHING[model_type]])
    ours = model.from_pretrained(folder)
    theirs = getattr(transformers, SEARCHING[model_type]).from_pretrained(folder).eval()
    kind = Answers(TASKS["squad2"], AutoTokenizer.from_pretrained(folder), (), 48)
    kind.check_model(ours)
    rows = kind.rows(kind.read(data / "train-v2.0.json", kind.task), training=True).rows
    assert {row["is_impossible"] for row in rows} == {0, 1}
    batch = kind.collator(ours)(rows).inputs
    assert batch["input_ids"].shape == batch["p_mask"].shape
    with torch.inference_mode():
        wanted = theirs(**batch).loss
        torch.testing.assert_close(ours(**batch, return_dict=True).loss, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model_type", SEARCHING)
def test_it_learns_where_the_answer_is(model_type: str, searching: dict[str, Path], tmp_path: Path) -> None:
    """Of long texts too, whose windows are rows of their own. Whether there is an answer is chance in these data."""
    data = write_data("squad2", tmp_path / "data", train=24, dev=8)
    options = TrainingOptions(max_steps=60, batch_size=24, learning_rate=1e-2, evaluate_every=60)
    result = finetune("squad2", str(searching[model_type]), data, tmp_path / "out", options=options, max_length=32)
    assert [row["best"] for row in result.predictions] == ["paris"] * 8
    ask = pipeline("question-answering", model=str(tmp_path / "out"))
    assert ask("where is anna ?", f"the film was good . {'it is long . ' * 9}anna went to paris .")["answer"] == "paris"
    question = json.loads((data / "dev-v2.0.json").read_text())["data"][0]["paragraphs"][1]
    answers = ask("where is anna ?", question["context"], topk=2, handle_impossible_answer=True, max_seq_len=32)
    assert "paris" in [each["answer"] for each in answers]


def test_ends_belong_to_their_starts() -> None:
    offsets = [None, (0, 1), (2, 3), (4, 5), None]
    window = Window({}, list(offsets), [None, 0, 1, 2, None], [False, True, True, True, False], 0)
    # two starts, of each two ends: (e, s) in one row
    found = Candidates.of([0.6, 0.4], [1, 3], [0.5, 0.9, 0.3, 0.1], [2, 3, 4, 1], 1.5)
    assert {(first, last): pytest.approx(p) for first, last, p in found.spans(window, 30)} == {
        (1, 2): pytest.approx(0.3),  # 0.6 · 0.5
        (3, 3): pytest.approx(0.36),  # its other end, 1, stands before it
    }
    answers, none = best_searched([window], [found])
    assert [(each.start, each.end) for each in answers] == [(4, 5), (0, 3)]
    assert answers[0].score == pytest.approx(np.log(0.36))
    assert none == 1.5
    assert [(each.start, each.end) for each in best_searched([window], [found], max_tokens=1)[0]] == [(4, 5)]
