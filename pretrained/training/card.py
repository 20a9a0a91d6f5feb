"""What should stand beside a model that is passed on? A card: what it is, how it was made, how good it is."""

import json
from typing import TYPE_CHECKING

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
    options = {name: value for name, value in recipe.training.to_dict().items() if value is not None}
    lines = [
        "---",
        f"base_model: {json.dumps(recipe.model)}",
        "library_name: pretrained",
        *([f"pipeline_tag: {PIPELINES[task.kind]}"] if task.kind in PIPELINES else []),
        f"tags: {json.dumps([task.kind, recipe.task])}",
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
        *_use(PIPELINES.get(task.kind), facts["architecture"]),
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


def _use(pipeline: str | None, architecture: str) -> list[str]:
    if pipeline is not None:
        return ["from pretrained import pipeline", "", f'ask = pipeline("{pipeline}", model="this folder")']
    return [
        f"from pretrained import AutoTokenizer, {architecture}",
        "",
        f'model = {architecture}.from_pretrained("this folder")',
        'tokenizer = AutoTokenizer.from_pretrained("this folder")',
    ]
