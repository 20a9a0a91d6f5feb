"""What should stand beside a model that is passed on? A card: what it is, how it was made, how good it is."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pretrained.training.run import Result


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
        f"tags: [{task.kind}, {recipe.task}]",
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
        f"from pretrained import AutoTokenizer, {facts['architecture']}",
        "",
        f'model = {facts["architecture"]}.from_pretrained("this folder")',
        'tokenizer = AutoTokenizer.from_pretrained("this folder")',
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
