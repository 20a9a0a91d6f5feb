"""Measures encoding, and writes what docs/performance.md shows: the tables and the plot.

python benchmarks/page.py                 MiniLM and BERT-base; mixed, short and long texts (some 40 minutes)
python benchmarks/page.py --texts 400     fewer texts
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from encode import MODELS

from pretrained.atomic import write_text
from pretrained.training import charts

HERE = Path(__file__).parent
PAGE, PLOT = HERE.parent / "docs" / "performance.md", HERE.parent / "docs" / "performance.svg"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
# which library each of ours is compared with, where there are several of its precision the best one
RIVALS = {
    "pretrained": ("sentence-transformers", "transformers", "onnxruntime", "openvino"),
    "pretrained bf16": ("openvino bf16",),
    "pretrained int8": ("onnxruntime int8", "openvino int8"),
}


def measure(lengths: str, models: list[str], texts: int, rounds: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "encode.py"), "--all", "--json", "--lengths", lengths, "--models", *models]
    done = subprocess.run(
        [*command, "--texts", str(texts), "--rounds", str(rounds)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("\n{\n") if "\n{\n" in done.stdout else 0 :])
    return found


def tables(reports: dict[str, dict[str, Any]]) -> str:
    about = next(iter(reports.values()))["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['instructions']}, {about['threads']} threads, "
        f"{about['date']}. {versions}.",
        "",
        "| model, texts | library | texts/s | times the best rival of its precision | least cosine to float32 |",
        "|---|---|---:|---:|---:|",
    ]
    for lengths, report in reports.items():
        for result in report["results"]:
            libraries = result["libraries"]
            title = f"{result['model']}, {lengths} ({result['tokens'] / result['texts']:.0f} tokens)"
            for name, found in libraries.items():
                rivals = [libraries[rival]["texts_per_second"] for rival in RIVALS.get(name, ()) if rival in libraries]
                ratio = f"{found['texts_per_second'] / max(rivals):.2f}" if rivals else ""
                shown = f"**{name}**" if name.startswith("pretrained") else name
                cosine = f"{found['least_cosine']:.5f}"
                lines.append(f"| {title} | {shown} | {found['texts_per_second']:.1f} | {ratio} | {cosine} |")
                title = ""
    return "\n".join(lines)


def stacked(drawings: list[str]) -> str:
    """One drawing below the other, as a file of its own."""
    parts, top = [], 0
    for drawing in drawings:
        parts.append(drawing.replace("<svg ", f'<svg y="{top}" ', 1))
        top += int(re.search(r'viewBox="0 0 \d+ (\d+)"', drawing)[1]) + 10  # type: ignore[index]
    style = "<style>text { font: 11px sans-serif; fill: #6b7280 }</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="460" height="{top}">{style}{"".join(parts)}</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["minilm", "bert-base"])
    parser.add_argument("--lengths", nargs="+", choices=("mixed", "short", "long"), default=["mixed", "short", "long"])
    options = parser.parse_args()
    scale = {"mixed": 1, "short": 2, "long": 8}
    reports = {}
    for lengths in options.lengths:
        count = options.texts * 2 // scale[lengths] if lengths == "long" else options.texts * scale[lengths]
        print(f"{lengths}: {count} texts", file=sys.stderr)
        reports[lengths] = measure(lengths, options.models, count, options.rounds)
    first = reports[options.lengths[0]]["results"]
    bars = [
        charts.bars(
            f"{result['model']}, {options.lengths[0]} texts: texts a second",
            [(name, round(found["texts_per_second"], 1)) for name, found in result["libraries"].items()],
        )
        for result in first
    ]
    write_text(PLOT, stacked(bars))
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(PAGE, f"{before}{BEGIN}\n\n{tables(reports)}\n\n{END}{after}")


if __name__ == "__main__":
    main()
