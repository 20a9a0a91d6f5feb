"""Which tensors are in a model's weights: as a list, with their values summed up, or as a tree of its modules?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any

from pretrained.cli.show import print_line, print_table

if TYPE_CHECKING:
    from rich.tree import Tree
    from torch import Tensor

    from pretrained.checkpoints import Checkpoint, Renamed


def tensor_facts(file: "Checkpoint", published: "Renamed", *, stats: bool) -> list[dict[str, Any]]:
    """Every tensor of the weights; "name" is None for what is known and not needed, such as an optimizer's."""
    named: dict[str, list[str | None]] = {}
    for known in published.keys():
        named.setdefault(published.origin(known).key, []).append(known)
    facts = []
    for key in file.keys():
        for name in named.get(key, [None]):
            held, by = (file, key) if name is None else (published, name)
            fact: dict[str, Any] = {
                "name": name,
                "in_file": key,
                "shape": list(held.shape(by)),
                "dtype": str(held.dtype(by)).removeprefix("torch."),
            }
            facts.append(fact | (_statistics(held.tensor(by, copy=True)) if stats else {}))
    return facts


def _statistics(tensor: "Tensor") -> dict[str, float | str | None]:
    """Smallest, mean and largest value; None where there are none."""
    import torch

    from pretrained.checkpoints.tensor_bytes import parts

    if tensor.numel() == 0 or tensor.is_complex():
        return {"min": None, "mean": None, "max": None}
    low, high, total = [], [], torch.zeros((), dtype=torch.float64)
    for part in parts(tensor):
        wide = part.to(torch.float64)
        low.append(wide.min())
        high.append(wide.max())
        total += wide.sum()
    found = {"min": torch.stack(low).min(), "mean": total / tensor.numel(), "max": torch.stack(high).max()}
    values = {name: float(value) for name, value in found.items()}
    # JSON has no NaN and no infinity
    return {name: value if value - value == 0 else str(value) for name, value in values.items()}


def show_tensors(facts: Iterable[Mapping[str, Any]], *, stats: bool) -> None:
    """One line a tensor."""
    rows = []
    for fact in facts:
        name, key = fact["name"], fact["in_file"]
        row = [name or "not needed", "" if name == key else key, _shape(fact), fact["dtype"]]
        rows.append(row + [_value(fact.get(column)) for column in ("min", "mean", "max") if stats])
    columns = ("tensor", "in the file", "shape", "dtype", *(("min", "mean", "max") if stats else ()))
    print_table(columns, rows)


def _shape(fact: Mapping[str, Any]) -> str:
    return str(tuple(fact["shape"]))


def _value(value: float | str | None) -> str:
    return "" if value is None else f"{float(value):.4g}"


@dataclass
class Node:
    """A module: its own tensors, and the modules in it."""

    name: str
    tensors: list[Mapping[str, Any]] = field(default_factory=list)
    modules: dict[str, "Node"] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        own: int = sum(prod(fact["shape"]) for fact in self.tensors)
        return own + sum(node.parameters for node in self.modules.values())

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        found: dict[str, Any] = {"name": self.name, "parameters": self.parameters}
        if self.tensors:
            found["tensors"] = [
                {"name": _leaf(fact), "shape": fact["shape"], "dtype": fact["dtype"]} for fact in self.tensors
            ]
        if self.modules:
            found["modules"] = [node.facts() for node in self.modules.values()]
        return found

    def form(self) -> object:
        """What makes two layers equal: names, shapes and types of all in them."""
        own = tuple((_leaf(fact), _shape(fact), fact["dtype"]) for fact in self.tensors)
        return own, tuple((name, node.form()) for name, node in self.modules.items())


def tree_of(facts: Iterable[Mapping[str, Any]], name: str) -> Node:
    """The modules that the published names tell."""
    root = Node(name)
    for fact in facts:
        if fact["name"] is not None:
            node = root
            for part in fact["name"].split(".")[:-1]:
                node = node.modules.setdefault(part, Node(part))
            node.tensors.append(fact)
    return root


def show_tree(root: Node) -> None:
    """Module by module, with parameters; a run of equal layers stands once."""
    import sys

    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    shown = Tree(Text(f"{root.name}  {root.parameters:,} parameters"))
    _grow(shown, root)
    if sys.stdout.isatty():
        Console(markup=False, emoji=False, highlight=False).print(shown)
    else:
        console = Console(width=10_000, color_system=None, highlight=False)
        with console.capture() as captured:
            console.print(shown)
        for line in captured.get().splitlines():
            print_line(line.rstrip())


def _grow(branch: "Tree", node: Node) -> None:
    from rich.text import Text

    for fact in node.tensors:
        branch.add(Text(f"{_leaf(fact)}  {_shape(fact)} {fact['dtype']}"))
    modules = sorted(node.modules.values(), key=lambda module: int(module.name) if module.name.isdigit() else -1)
    alike = groupby(modules, key=lambda module: (module.name.isdigit(), module.form()))
    for (numbered, _), group in alike:
        found = list(group)
        for run in [found] if numbered else [[module] for module in found]:
            first, name = run[0], run[0].name
            while not first.tensors and len(first.modules) == 1 and len(run) == 1:  # a module in nothing but a module
                (first,) = first.modules.values()
                name += f".{first.name}"
            times = ""
            if len(run) > 1:
                name += f" … {run[-1].name}"
                times = f"{len(run)} × "
            _grow(branch.add(Text(f"{name}  {times}{first.parameters:,}")), first)


def _leaf(fact: Mapping[str, Any]) -> str:
    return str(fact["name"]).rpartition(".")[2]
