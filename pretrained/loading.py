"""How do the tensors of a checkpoint get into a model, and what was left over on either side?

The model is built on the meta device: it has names and shapes, and no memory. Each tensor of the checkpoint is
put in as it lies in its file; only what is missing gets memory of its own and is initialised.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pretrained.checkpoints import Checkpoint, historical_name, wrapper_prefix
from pretrained.checkpoints.names import find_rule
from pretrained.errors import CheckpointError, ConfigurationError

_SHOWN = 10
_Mismatch = tuple[str, tuple[int, ...], tuple[int, ...]]


@dataclass
class LoadReport:
    """What loading did, by the names of the model; `unexpected` by those of the checkpoint."""

    source: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[_Mismatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """The unexpected tensors that belong to modules of the base network: it may not be the published one."""

    def as_loading_info(self) -> dict[str, list[object]]:
        """The dict that `output_loading_info=True` returns."""
        return {
            "missing_keys": list(self.missing),
            "unexpected_keys": list(self.unexpected),
            "mismatched_keys": list(self.mismatched),
            "error_msgs": [],
        }

    def warning(self, model_name: str = "the model") -> str | None:
        """One readable text when the model is not what the checkpoint holds, else None."""
        parts = []
        if self.missing:
            parts.append(
                f"{self.source} has no tensors for these weights of {model_name}, so they are newly initialised: "
                f"{listed(self.missing)}. Train the model on a task before you use what they compute."
            )
        if self.mismatched:
            parts.append(
                f"These weights of {model_name} have another shape in {self.source}, so they are newly initialised: "
                f"{listed(f'{name} {there} (here {here})' for name, there, here in self.mismatched)}."
            )
        if self.unused:
            parts.append(
                f"{model_name} has no place for these tensors of {self.source}, which belong to the network itself: "
                f"{listed(self.unused)}. Its results may differ from the published ones."
            )
        parts += [note for note in self.notes if note.startswith(_TIED_NOTE)]
        return "\n".join(parts) or None

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded from {self.source}"]
        for title, names in (("missing, newly initialised", self.missing), ("not used", self.unexpected)):
            if names:
                lines.append(f"  {title}: {listed(names)}")
        lines += [f"  other shape: {name} is {there}, here {here}" for name, there, here in self.mismatched]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


_TIED_NOTE = "Tied weights differ: "
# Types that files hold and layers do not compute in; bfloat16 has each of their numbers.
_STORED_ONLY = frozenset(
    (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu)
)


def load(
    model: nn.Module,
    checkpoint: Checkpoint,
    *,
    base_prefix: str = "",
    tied: Mapping[str, str] | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    strict: bool = False,
    ignore_mismatched_sizes: bool = False,
    keys_to_ignore: Sequence[str] = (),
    init: Callable[[set[str]], None],
) -> LoadReport:
    """Puts the checkpoint's tensors into a model that was built on the meta device.

    Args:
        model: its parameters and persistent buffers are what is looked for.
        checkpoint: tensors by their published names.
        base_prefix: name of the bare network inside a model with a head; either side may have it or not.
        tied: parameter → the parameter it is the same as. A missing one is not missing when the other is there.
        dtype: of the floating tensors; None keeps that of the file.
        device: where the tensors go; None is the CPU.
        strict: raise when any tensor is missing or left over.
        ignore_mismatched_sizes: initialise tensors of another shape instead of raising.
        keys_to_ignore: regular expressions (searched) of names whose absence or presence means nothing.
        init: fills the parameters of these names, which have memory but no values yet.

    Returns:
        What was loaded, missing, left over or of another shape.

    Raises:
        CheckpointError: nothing fits, shapes differ, or `strict` found a difference.
    """
    expected = {name: value for name, value in model.state_dict(keep_vars=True).items() if torch.is_tensor(value)}
    ties = _all_ties(expected, tied or {})
    skipped = checkpoint.skipped
    names, unexpected = match_names(expected, (*checkpoint.keys(), *skipped), base_prefix)
    unreadable = {name: names.pop(name) for name, key in list(names.items()) if key in skipped}
    _check_base(expected, names, checkpoint, base_prefix, type(model).__name__)

    report = LoadReport(checkpoint.source, notes=list(checkpoint.notes))
    fitting = _fitting(names, expected, checkpoint, report)
    if report.mismatched and not ignore_mismatched_sizes:
        raise _mismatch_error(report, type(model).__name__)

    _resolve_ties(ties, fitting, checkpoint, report)
    absent = [name for name in expected if name not in fitting and ties.get(name) not in fitting]
    for name in absent:
        if name in unreadable:  # the file holds it as something else than a tensor: this raises, and says what
            checkpoint.tensor(unreadable[name])
    silent = re.compile("|".join(f"(?:{pattern})" for pattern in keys_to_ignore) or r"(?!)")
    other_shape = {name for name, *_ in report.mismatched}
    computed = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}  # never trained
    report.loaded = list(fitting)
    report.missing = [name for name in absent if name not in other_shape | computed and not silent.search(name)]
    report.unexpected = [key for key in unexpected if key not in skipped and not silent.search(key)]
    report.unused = _of_base(report.unexpected, model, base_prefix)
    if strict and (report.missing or report.unexpected):
        raise CheckpointError(
            f"{type(model).__name__} and {report.source} differ, and strict=True was asked for. "
            f"Missing: {listed(report.missing)}. Unexpected: {listed(report.unexpected)}."
        )

    main_type = dtype or _main_type(checkpoint, fitting.values())
    if dtype is None and any(checkpoint.dtype(key) in _STORED_ONLY for key in fitting.values()):
        main_type = main_type or torch.bfloat16
        report.notes.append(f"weights of 8 bits are loaded as {main_type}: layers do not compute in 8 bits")
    for name, key in fitting.items():
        if ties.get(name) not in fitting:
            wanted = main_type if checkpoint.dtype(key) in _STORED_ONLY else dtype
            _assign(model, name, expected[name], _placed(checkpoint, key, expected[name], wanted, device))
    report.notes += [note for note in checkpoint.notes if note not in report.notes]  # what reading brought to light
    left = set(absent)
    filled = [name for name in absent if ties.get(name) not in left]
    _materialise(model, filled, expected, main_type, device)
    _tie(model, ties)
    if filled:
        init(set(filled))
        _tie(model, ties)
    _refuse_meta(model)
    return report


class Unfilled(TorchFunctionMode):
    """Skips the initialisation of new modules. On meta it would fill nothing, and cost the import of a compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == nn.init.__name__:
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


def floating_type(dtype: torch.dtype | str) -> torch.dtype:
    """A floating type, from its name where it is one: "bfloat16", "torch.float16"."""
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigurationError(f"dtype={dtype!r} is not a floating type; use torch.float32, 'bfloat16' or 'auto'")
    return found


def rename_historical(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Lets `load_state_dict` of users' own dictionaries take names of earlier years, nested models included.

    Of the family's `renames`, those that only rename apply: other frameworks' tensors come through a checkpoint.
    """
    own = [rule for rule in getattr(module, "renames", ()) if not (rule.transpose or rule.rank or rule.unstack)]
    keys = [key for key in state_dict if key.startswith(prefix)]
    wrapper = wrapper_prefix([key[len(prefix) :] for key in keys])
    for key in keys:
        name = historical_name(key[len(prefix) + len(wrapper) :])
        if name is not None and (rule := find_rule(name, own)) is not None:
            name = rule.apply(name)
        if name is None:
            del state_dict[key]
        elif prefix + name != key:
            state_dict[prefix + name] = state_dict.pop(key)


# Which tensor of the checkpoint is which tensor of the model


def match_names(
    expected: Mapping[str, torch.Tensor], keys: Iterable[str], base_prefix: str
) -> tuple[dict[str, str], list[str]]:
    """(model name → checkpoint name, checkpoint names that have no place)."""
    prefix = f"{base_prefix}."
    here = bool(base_prefix) and any(name.startswith(prefix) for name in expected)
    there = bool(base_prefix) and any(key.startswith(prefix) for key in keys)
    names: dict[str, str] = {}
    unexpected = []
    for key in keys:
        name = _name_here(key, prefix, here=here, there=there, expected=expected)
        if name in expected:
            names[name] = key
        else:
            unexpected.append(key)
    return names, unexpected


def _name_here(key: str, prefix: str, *, here: bool, there: bool, expected: Mapping[str, object]) -> str:
    if there and not here:  # the model is the bare network: what has no prefix belongs to heads
        return key.removeprefix(prefix) if key.startswith(prefix) else ""
    if here and not there and prefix + key in expected:  # the file is the bare network, perhaps with heads
        return prefix + key
    return key


def _fitting(
    names: Mapping[str, str], expected: Mapping[str, torch.Tensor], checkpoint: Checkpoint, report: LoadReport
) -> dict[str, str]:
    """The names whose shapes agree; the others go into the report."""
    fitting: dict[str, str] = {}
    for name, key in names.items():
        there, here = checkpoint.shape(key), tuple(expected[name].shape)
        if there != here:
            report.mismatched.append((name, there, here))
        elif checkpoint.dtype(key).is_floating_point != expected[name].is_floating_point():
            raise CheckpointError(
                f"{checkpoint.source}: {key} is of type {checkpoint.dtype(key)}, the model expects "
                f"{expected[name].dtype}. Quantized weights must be turned back into floating ones first."
            )
        else:
            fitting[name] = key
    return fitting


def _check_base(
    expected: Mapping[str, object], names: Mapping[str, str], checkpoint: Checkpoint, base_prefix: str, model: str
) -> None:
    """Raises when no tensor of the base network is in the checkpoint: they are of different architectures."""
    prefix = f"{base_prefix}."
    base = [name for name in expected if name.startswith(prefix)] or list(expected)
    if not base or any(name in names for name in base):
        return
    keys = list(checkpoint.keys())
    raise CheckpointError(
        f"{checkpoint.source} has no tensor of {model}'s network. {_guess(keys, base)}\n"
        f"  it has {len(keys)} tensors: {listed(keys, 4)}\n"
        f"  {model} expects: {listed(base, 4)}\n"
        "Check that the configuration and the weights are of one model, or load it with AutoModel."
    )


def _guess(keys: Sequence[str], base: Sequence[str]) -> str:
    """What the checkpoint looks like, in a sentence, when its names tell."""
    wanted = set(base)
    prefixes: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        for cut in range(1, min(len(parts), 6)):
            if ".".join(parts[cut:]) in wanted:
                prefixes[".".join(parts[:cut])] += 1
    if prefixes:
        prefix = prefixes.most_common(1)[0][0]
        return f"Its names fit behind the prefix {prefix!r}: save the state dict of that sub-module alone."
    for pattern, what in _LOOKS_LIKE:
        if any(re.search(pattern, key) for key in keys):
            return f"By its names it is {what}."
    return ""


# Telling names of architectures, the more special first.
_LOOKS_LIKE = (
    (r"^0\.auto_model\.", "a sentence-transformers module list"),
    (r"lora_[AB]\.", "a LoRA adapter without its base model"),
    (r"\.rel_attn\.", "XLNet"),
    (r"\.dec_attn\.", "Transformer-XL"),
    (r"^distilbert\.|\btransformer\.layer\.\d+\.sa_layer_norm\.", "DistilBERT"),
    (r"^roberta\.", "RoBERTa"),
    (r"^electra\.", "ELECTRA"),
    (r"albert_layer_groups\.", "ALBERT"),
    (r"\battentions\.\d+\.q_lin\.", "XLM or FlauBERT"),
    (r"\bh\.\d+\.attn\.c_attn\.", "GPT or GPT-2"),
    (r"\bblock\.\d+\.layer\.\d+\.SelfAttention\.", "T5"),
    (r"\bencoder\.layers\.\d+\.self_attn\.", "BART or another encoder-decoder"),
    (r"\blayers\.\d+\.self_attn\.[qk]_proj\.", "a decoder such as LLaMA"),
    (r"\bencoder\.layer\.\d+\.attention\.self\.", "BERT or one of its kind"),
)


def _of_base(unexpected: Iterable[str], model: nn.Module, base_prefix: str) -> list[str]:
    """The keys that belong to modules of the bare network. Heads that a model does not have are no surprise."""
    base = getattr(model, base_prefix, model) if base_prefix else model
    if base is model and not base_prefix:
        return []
    modules = {name for name, _ in base.named_children()}
    return [key for key in unexpected if key.removeprefix(f"{base_prefix}.").partition(".")[0] in modules]


# Ties


def _all_ties(expected: Mapping[str, torch.Tensor], tied: Mapping[str, str]) -> dict[str, str]:
    """The given ties, and those of names that are one object in the model already; sources are never targets."""
    same: dict[int, list[str]] = {}
    for name, value in expected.items():
        same.setdefault(id(value), []).append(name)
    ties = dict(tied)
    for group in same.values():
        source = next((name for name in group if name not in tied), group[0])
        ties |= {name: source for name in group if name != source and name not in tied}
    for target in ties:
        for _ in ties:  # a chain of ties leads to its first source
            ties[target] = ties.get(ties[target], ties[target])
    return ties


def _resolve_ties(ties: Mapping[str, str], fitting: dict[str, str], checkpoint: Checkpoint, report: LoadReport) -> None:
    """The source of a tie wins; when only the target is in the file, its tensor is the source's too."""
    for target, source in ties.items():
        if target in fitting and source not in fitting:
            fitting[source] = fitting[target]
        elif target in fitting and fitting[source] != fitting[target]:
            kept, other = (checkpoint.tensor(fitting[name], copy=True) for name in (source, target))
            if kept.dtype != other.dtype or not torch.equal(kept, other):
                report.notes.append(
                    f"{_TIED_NOTE}{target} and {source} are one parameter, but not equal in {checkpoint.source}; "
                    f"{source} is used."
                )


def _tie(model: nn.Module, ties: Mapping[str, str]) -> None:
    for target, source in ties.items():
        path, _, leaf = source.rpartition(".")
        value = getattr(model.get_submodule(path), leaf)
        path, _, leaf = target.rpartition(".")
        setattr(model.get_submodule(path), leaf, value)


# Putting tensors in


def _placed(
    checkpoint: Checkpoint,
    key: str,
    old: torch.Tensor,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> torch.Tensor:
    """The tensor itself where it can be used as it is; else a copy of the right type, order and place."""
    kind = checkpoint.dtype(key)
    wanted = (dtype or kind) if kind.is_floating_point else old.dtype
    converted = wanted != kind or torch.device(device or "cpu").type != "cpu"
    tensor = checkpoint.tensor(key, copy=converted)
    if not converted and not tensor.is_contiguous():  # it is copied into order, so the file's pages need not stay
        tensor = checkpoint.tensor(key, copy=True)
    return tensor.to(device=device, dtype=wanted).contiguous()


def _assign(model: nn.Module, name: str, old: torch.Tensor, value: torch.Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(value, requires_grad=old.requires_grad)
    else:
        module._buffers[leaf] = value


def _materialise(
    model: nn.Module,
    names: Iterable[str],
    expected: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> None:
    """Gives memory to what the checkpoint does not have; the values are left to the model."""
    for name in names:
        old = expected[name]
        wanted = dtype if dtype is not None and old.is_floating_point() else old.dtype
        _assign(model, name, old, torch.empty(old.shape, dtype=wanted, device=device or "cpu"))


def _main_type(checkpoint: Checkpoint, keys: Iterable[str]) -> torch.dtype | None:
    """The floating type that most tensors have; new ones shall work together with them."""
    types = Counter(
        kind for key in keys if (kind := checkpoint.dtype(key)).is_floating_point and kind not in _STORED_ONLY
    )
    return types.most_common(1)[0][0] if types else None


# Refusals


def _mismatch_error(report: LoadReport, model: str) -> CheckpointError:
    found = [f"  {name}: {there} in the file, {here} in the model" for name, there, here in report.mismatched]
    rows = "\n".join(found[:_SHOWN] + ([f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []))
    return CheckpointError(
        f"{report.source} has tensors of another shape than {model}:\n{rows}\n"
        "Check the configuration (num_labels, vocab_size, hidden_size …), or pass ignore_mismatched_sizes=True "
        "to initialise these and load the others."
    )


def _refuse_meta(model: nn.Module) -> None:
    tensors = (*model.named_parameters(), *model.named_buffers())
    if left := [name for name, value in tensors if value.is_meta]:
        raise CheckpointError(
            f"{type(model).__name__} has tensors that neither the checkpoint nor its initialisation fills: "
            f"{listed(left)}. Constructors must compute no buffers; see init."
        )


def listed(names: Iterable[str], shown: int = _SHOWN) -> str:
    """Names in one line, cut to a readable length."""
    names = list(names)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more if names else "none"
