"""What should stand beside a model that is passed on? A card: what it is, how it was made, how good it is."""

import json
from typing import TYPE_CHECKING

from pretrained.training.tasks import Task

if TYPE_CHECKING:
    from pretrained.training.run import Result


# Kind of a task → what uses its models
PIPELINES = {
    "classification": "text-classification",
    "multi-label": "text-classification",
    "regression": "text-classification",
    "tokens": "token-classification",
    "answers": "question-answering",
    "masked": "fill-mask",
    "causal": "text-generation",
}


def markdown(result: "Result") -> str:
    """README.md, with the front matter that model hubs read."""
    recipe, facts = result.recipe, result.facts
    task = recipe.declaration
    metrics = [
        f"| {split} | " + " | ".join(f"{value:.4f}" for value in values.values()) + " |"
        for split, values in result.metrics.items()
    ]
    names = list(result.metrics["dev"])
    warnings = [f"> **Note**: {text}" for text in result.warnings]
    options = {name: value for name, value in recipe.training.to_dict().items() if value not in (None, "")}
    lines = [
        "---",
        f"base_model: {json.dumps(recipe.model)}",
        "library_name: pretrained",
        *([f"pipeline_tag: {PIPELINES[task.kind]}"] if task.kind in PIPELINES else []),
        f"tags: {json.dumps(sorted({task.kind, recipe.task}))}",
        "---",
        "",
        f"# {recipe.task} with {recipe.model}",
        "",
        f"{task.about}.",
        "",
        *warnings,
        "## Results",
        "",
        "| split | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
        *metrics,
        "",
        "## Use",
        "",
        "```python",
        *_use(task, facts["architecture"]),
        "```",
        "",
        "## Training",
        "",
        f"{facts['rows'].get('train', 0):,} rows, {facts['steps']:,} steps, {facts['seconds']:,} seconds; "
        f"data SHA-256 `{facts['fingerprint']}`.",
        *([f"Labels: {', '.join(result.labels)}."] if result.labels else []),
        "",
        "| option | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in options.items()),
        "",
    ]
    return "\n".join(lines)


def _use(task: Task, architecture: str) -> list[str]:
    if task.kind in PIPELINES:
        asked = '{"text": "one text", "text_pair": "another"}' if task.pair is not None else '"a text"'
        asked = {
            "answers": 'question="what is asked", context="the text that has the answer"',
            "masked": 'f"a text with {ask.tokenizer.mask_token} in it"',
        }.get(task.kind, asked)
        return [
            "from pretrained import pipeline",
            "",
            f'ask = pipeline("{PIPELINES[task.kind]}", model="path/to/this/folder")',
            f"print(ask({asked}))",
        ]
    return [
        f"from pretrained import AutoTokenizer, {architecture}",
        "",
        f'model = {architecture}.from_pretrained("path/to/this/folder")',
        'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
    ]
