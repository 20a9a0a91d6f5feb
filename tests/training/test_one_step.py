"""One step is what Transformers and torch compute on the same batch: gradients, clipping, update."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pretrained import BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import Collator
from pretrained.training import TrainingOptions, optimization
from pretrained.training.loop import Rows, Trainer

CLASSES: dict[str, tuple[type[PreTrainedModel], list[dict[str, Any]]]] = {
    "AutoModelForSequenceClassification": (
        BertForSequenceClassification,
        [
            {"input_ids": [2, 7, 8, 9, 3], "labels": 1},
            {"input_ids": [2, 10, 3], "labels": 0},
            {"input_ids": [2, 11, 12, 3, 13, 3], "token_type_ids": [0, 0, 0, 0, 1, 1], "labels": 1},
        ],
    ),
    "AutoModelForTokenClassification": (
        BertForTokenClassification,
        [
            {"input_ids": [2, 7, 8, 9, 3], "labels": [-100, 1, 0, -100, -100]},
            {"input_ids": [2, 10, 3], "labels": [-100, 1, -100]},
        ],
    ),
    "AutoModelForQuestionAnswering": (
        BertForQuestionAnswering,
        [  # of one length: the published loss counts padding
            {"input_ids": [2, 7, 3, 9, 10, 3], "start_positions": 3, "end_positions": 4},
            {"input_ids": [2, 7, 3, 9, 11, 3], "start_positions": 0, "end_positions": 0},
        ],
    ),
}


def their_batch(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    columns: dict[str, list[Any]] = {}
    for row in rows:
        length = len(row["input_ids"])
        whole = {"token_type_ids": [0] * length, **row, "attention_mask": [1] * length}
        for name, value in whole.items():
            fill = -100 if name == "labels" else 0
            columns.setdefault(name, []).append(
                value + [fill] * (longest - length) if isinstance(value, list) else value
            )
    return {name: torch.tensor(values) for name, values in columns.items()}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", CLASSES)
def test_gradients_and_update(name: str, packed: bool, steady: Path, tmp_path: Path) -> None:
    model_class, rows = CLASSES[name]
    rows = [{"token_type_ids": [0] * len(row["input_ids"]), **row} for row in rows]
    torch.manual_seed(0)
    ours: Any = model_class.from_pretrained(steady, num_labels=2)
    ours.save_pretrained(tmp_path / "start")
    theirs = getattr(transformers, name).from_pretrained(tmp_path / "start").train()

    options = TrainingOptions(
        batch_size=len(rows), max_steps=1, learning_rate=1e-2, warmup=0, schedule="constant", weight_decay=0.1
    )
    collate = Collator(packed, {"labels": -100})
    trainer = Trainer(ours, Rows(rows), collate, options, tmp_path / "checkpoints")
    state = trainer.train()

    loss = theirs(**their_batch(rows)).loss
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in theirs.named_parameters() if p.grad is not None}
    norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    plain = [p for n, p in theirs.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in theirs.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    torch.optim.AdamW(groups, lr=1e-2).step()

    assert state.history[0]["loss"] == pytest.approx(float(loss.detach()), abs=1e-5)
    assert state.history[0]["gradient_norm"] == pytest.approx(float(norm), abs=1e-5, rel=1e-5)
    scale = min(1.0, 1.0 / (float(norm) + 1e-6))
    found = dict(ours.named_parameters())
    wanted = dict(theirs.named_parameters())
    assert found.keys() == wanted.keys()
    for parameter_name, gradient in gradients.items():
        torch.testing.assert_close(found[parameter_name].grad, gradient * scale, atol=1e-5, rtol=1e-5)
        # AdamW's first step is the gradient's sign: where that is all rounding, either sign is right
        clear = gradient.abs() > 1e-5
        torch.testing.assert_close(found[parameter_name][clear], wanted[parameter_name][clear], atol=1e-5, rtol=1e-5)


def test_the_gradient_is_cut_where_it_is_too_long() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert optimization.clip([parameter], 0) == pytest.approx(5.0)
    assert parameter.grad.tolist() == [3.0, 4.0]
    assert optimization.clip([parameter], 1.0) == pytest.approx(5.0)
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8])
