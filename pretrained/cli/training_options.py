"""How do the fields of a recipe become options of a command? Each with its own explanation, in panels."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any

import typer

from pretrained.training import Recipe, TrainingOptions

DATA = "Data and runs"
TRAINING = "Training"


def with_recipe_options(*, training: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds an option for each field of `Recipe` that has an explanation, and of `TrainingOptions`.

    What is not given is None, so that a file or the task can say it.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [p for p in signature.parameters.values() if p.kind != p.VAR_KEYWORD]
        added = [_parameter(each, DATA) for each in fields(Recipe) if "help" in each.metadata]
        if training:
            added += [_parameter(each, TRAINING) for each in fields(TrainingOptions)]
        else:
            added = [each for each in added if each.name not in ("seeds", "whole_words")]
        command.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        command.__annotations__ = {
            **{name: kind for name, kind in command.__annotations__.items() if name != "options"},
            **{each.name: each.annotation for each in added},
        }
        return command

    return decorate


def _parameter(each: "Field[Any]", panel: str) -> inspect.Parameter:
    shown = "" if each.default in (None, "", False, True) or panel == DATA else f" [default: {_shown(each)}]"
    option = typer.Option(help=each.metadata["help"] + shown, rich_help_panel=panel, show_default=False)
    kind: Any = Annotated[_kind(each), option]
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _kind(each: "Field[Any]") -> Any:
    """What the command line reads: several numbers come as one text, between commas."""
    text = str(each.type)
    for kind in (bool, int, float):
        if text == f"<class '{kind.__name__}'>" or text == f"{kind.__name__} | None":
            return kind | None
    return str | None


def _shown(each: "Field[Any]") -> str:
    return ",".join(map(str, each.default)) if isinstance(each.default, tuple) else str(each.default)


def parsed(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of the recipe, training options) that were given."""
    given = {name: value for name, value in options.items() if value is not None}
    known = {each.name for each in fields(TrainingOptions)}
    training = {name: _numbers(name, value) for name, value in given.items() if name in known}
    return {name: value for name, value in given.items() if name not in known}, training


def _numbers(name: str, value: Any) -> Any:
    """Numbers between commas, where a field holds several."""
    if name not in ("betas", "class_weights") or value == "balanced":
        return value
    try:
        return [float(part) for part in str(value).split(",")]
    except ValueError:
        raise typer.BadParameter(f"{value!r}: expected numbers between commas", param_hint=f"--{name}") from None
