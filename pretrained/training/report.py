"""What came of a run, for people who look? One page that needs no network and nothing beside it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from pretrained.decoding.entities import entities
from pretrained.training import charts
from pretrained.training.metrics import precision_recall_f1

if TYPE_CHECKING:
    from pretrained.training.run import Result

_SHOWN = 20
_CLASSES = 30  # more make no readable matrix
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #1f2937 }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #d1d5db }
table { border-collapse: collapse; margin: .6em 0 } td, th { padding: .2em .7em; text-align: left; vertical-align: top }
tr + tr td, tr + tr th { border-top: 1px solid #e5e7eb } .matrix td { text-align: right }
svg { font: 11px system-ui, sans-serif; margin-right: 1em; max-width: 100% } svg text { fill: currentColor }
.grid { stroke: #e5e7eb } td { overflow-wrap: break-word } td:last-child { overflow-wrap: anywhere }
.warning { background: #fef3c7; padding: .6em 1em; border-left: 4px solid #d97706 }
@media (prefers-color-scheme: dark) { body { background: #111827; color: #e5e7eb } .grid { stroke: #374151 }
  .warning { background: #451a03 } h2, tr + tr td, tr + tr th { border-color: #374151 } }
"""


def html(result: "Result") -> str:
    """The whole page."""
    recipe = result.recipe
    parts = [
        f"<h1>{escape(recipe.task)} with {escape(recipe.model)}</h1>",
        f"<p>{escape(recipe.declaration.about)}</p>",
        *(f'<p class="warning">{escape(text)}</p>' for text in result.warnings),
        "<h2>Results</h2>",
        _metrics(result),
        _seeds(result),
        "<h2>Learning</h2>",
        _curves(result),
        _by_class(result),
        _errors(result),
        "<h2>Recipe</h2>",
        _settings(result),
    ]
    title = f"{recipe.task} · {recipe.model}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


def _metrics(result: "Result") -> str:
    names = list(result.metrics["dev"])
    rows = [[split, *(_number(values.get(name)) for name in names)] for split, values in result.metrics.items()]
    return _table(["split", *names], rows)


def _seeds(result: "Result") -> str:
    if len(result.runs) < 2:
        return ""
    from pretrained.training.run import spread

    found = spread(result.runs)
    rows = [[str(run["seed"]), *(_number(run["metrics"]["dev"][name]) for name in found)] for run in result.runs]
    rows.append(["mean ± sd", *(f"{mean:.4f} ± {deviation:.4f}" for mean, deviation in found.values())])
    return "<h2>Seeds</h2>" + _table(["seed", *found], rows)


def _curves(result: "Result") -> str:
    history = result.state.history
    losses = [(row["step"], row["loss"]) for row in history if "loss" in row]
    measured = [row for row in history if "metrics" in row]
    drawn = {"training": losses}
    if measured and "loss" in measured[0]["metrics"]:
        drawn["dev"] = [(row["step"], row["metrics"]["loss"]) for row in measured]
    names = [name for name in (measured[0]["metrics"] if measured else {}) if name != "loss"]
    curves = {name: [(row["step"], row["metrics"][name]) for row in measured] for name in names}
    rates = {"learning rate": [(row["step"], row["learning_rate"]) for row in history if "loss" in row]}
    return charts.lines("loss", drawn) + charts.lines("dev", curves) + charts.lines("learning rate", rates)


def _by_class(result: "Result") -> str:
    kind, predictions = result.recipe.declaration.kind, result.predictions
    if kind == "classification":
        pairs = Counter((row["wanted"], row["label"]) for row in predictions)
        parts = ["<h2>By class</h2>"]
        if len(result.labels) <= _CLASSES:
            counts = [[pairs[wanted, said] for said in result.labels] for wanted in result.labels]
            parts.append(charts.matrix(result.labels, result.labels, counts))
        single = [[{row[name]} for row in predictions] for name in ("label", "wanted")]
        parts.append(_table(["class", "precision", "recall", "F1", "rows"], class_table(result.labels, *single)))
        return "".join(parts)
    if kind == "multi-label":
        sets = [[set(row[name]) for row in predictions] for name in ("labels", "wanted")]
        return "<h2>By class</h2>" + _table(
            ["class", "precision", "recall", "F1", "rows"], class_table(result.labels, *sets)
        )
    if kind == "tokens":
        found = [[{*entities(row[name])} for row in predictions] for name in ("tags", "wanted")]
        types = sorted({entity.type for part in found for row in part for entity in row})
        table: list[list[str]] = []
        for each in types:
            said, wanted = ({(at, e) for at, row in enumerate(part) for e in row if e.type == each} for part in found)
            scores = precision_recall_f1(len(said & wanted), len(said), len(wanted))
            table.append([each, *map(_number, scores), str(len(wanted))])
        return "<h2>By type</h2>" + _table(["type", "precision", "recall", "F1", "entities"], table)
    return ""


def class_table(labels: Iterable[str], said: Sequence[set[str]], wanted: Sequence[set[str]]) -> list[list[str]]:
    """Precision, recall, F1 and number of each class."""
    rows = []
    for label in labels:
        right = sum(label in s and label in w for s, w in zip(said, wanted, strict=True))
        predicted, true = sum(label in s for s in said), sum(label in w for w in wanted)
        rows.append([label, *map(_number, precision_recall_f1(right, predicted, true)), str(true)])
    return rows


def _errors(result: "Result") -> str:
    """What the model was surest of, and wrong."""
    kind, predictions = result.recipe.declaration.kind, result.predictions
    if kind == "classification":
        wrong = [row for row in predictions if row["label"] != row["wanted"]]
        wrong.sort(key=lambda row: -float(row["score"]))
        rows = [[row["wanted"], row["label"], f"{row['score']:.3f}", _shown(row)] for row in wrong[:_SHOWN]]
        columns = ["wanted", "said", "sure", "text"]
    elif kind == "regression":
        far = sorted(predictions, key=lambda row: -abs(row["value"] - row["wanted"]))
        rows = [[_number(row["wanted"]), _number(row["value"]), _shown(row)] for row in far[:_SHOWN]]
        columns = ["wanted", "said", "text"]
    elif kind == "tokens":
        wrong = [row for row in predictions if row["tags"] != row["wanted"]]
        wrong.sort(key=lambda row: -_surest_wrong_tag(row))
        rows = [[_tagged(row, "wanted"), _tagged(row, "tags")] for row in wrong[:_SHOWN]]
        columns = ["wanted", "said"]
    elif kind == "multi-label":
        wrong = [row for row in predictions if set(row["labels"]) != set(row["wanted"])]
        wrong.sort(key=lambda row: -_surest_wrong_label(row))
        rows = [[", ".join(row["wanted"]), ", ".join(row["labels"]), _shown(row)] for row in wrong[:_SHOWN]]
        columns = ["wanted", "said", "text"]
    elif kind == "choice":
        wrong = [row for row in predictions if row["choice"] != row["wanted"]]
        wrong.sort(key=lambda row: -float(row["score"]))
        rows = [
            [str(row["wanted"]), str(row["choice"]), f"{row['score']:.3f}", _cut(f"{row['context']} ‖ {row['text']}")]
            for row in wrong[:_SHOWN]
        ]
        columns = ["wanted", "said", "sure", "text ‖ what was said"]
    elif kind == "answers":
        wrong = [row for row in predictions if row["answer"] not in (row["wanted"] or [""])]
        wrong.sort(key=lambda row: -float(row["score"]))
        rows = [[row["question"], " / ".join(row["wanted"]) or "—", row["answer"] or "—"] for row in wrong[:_SHOWN]]
        columns = ["question", "wanted", "said"]
    else:
        return ""
    return f"<h2>Most confident errors</h2>{_table(columns, rows)}" if rows else "<p>No errors.</p>"


def _shown(row: Mapping[str, Any]) -> str:
    return _cut(f"{row['text']} ‖ {row['pair']}" if "pair" in row else str(row["text"]))


def _cut(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"


def _surest_wrong_tag(row: Mapping[str, Any]) -> float:
    each = zip(row["tags"], row["wanted"], row["scores"], strict=True)
    return max(float(score) for said, wanted, score in each if said != wanted)


def _surest_wrong_label(row: Mapping[str, Any]) -> float:
    wrong = set(row["labels"]) ^ set(row["wanted"])
    return max(abs(float(row["scores"][label]) - 0.5) for label in wrong if label in row["scores"])


def _tagged(row: Mapping[str, Any], which: str) -> str:
    return " ".join(word if tag == "O" else f"{word}/{tag}" for word, tag in zip(row["words"], row[which], strict=True))


def _settings(result: "Result") -> str:
    recipe = result.recipe.to_dict()
    training = recipe.pop("training")
    values = {**recipe, **training, **result.facts}
    return _table(
        ["option", "value"], [[name, _said(value)] for name, value in values.items() if value not in (None, "")]
    )


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return f"{value:,}" if type(value) is int and value >= 10_000 else str(value)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
