"""How does Flax call a model's tensors, and which way round do they lie there?

Flax's modules are called as the published ones, with slashes between the names. What differs is the last part: a
linear layer has a `kernel`, a norm a `scale` and an embedding an `embedding`. Tied weights are there once.
"""

from torch import nn

from pretrained.checkpoints import Origin
from pretrained.errors import UnsupportedFormatError
from pretrained.modeling import PreTrainedModel
from pretrained.nn.conv1d import Conv1D
from pretrained.nn.positions import SinusoidalPositions


def flax_names(model: PreTrainedModel) -> dict[str, Origin]:
    """Flax's name of each tensor → its published name; a model on the meta device will do.

    Raises:
        UnsupportedFormatError: Flax never had the model's class.
    """
    kind = type(model)
    if kind.__name__ not in kind.flax_classes:
        there = (
            f"of this family it had {', '.join(sorted(kind.flax_classes))}" if kind.flax_classes else "nor its family"
        )
        raise UnsupportedFormatError(
            f"{kind.__name__} cannot be written for Flax, which never had this class; {there}. Save the model as "
            "safetensors, which keeps every class."
        )
    tied = model._ties()
    names: dict[str, Origin] = {}
    for path, module in model.named_modules():
        if isinstance(module, SinusoidalPositions):  # Flax computes them
            continue
        for name, _ in module.named_parameters(path, recurse=False):
            if name not in tied:
                leaf, transpose = _leaf(module, name.rpartition(".")[2])
                names["/".join([*path.split("."), leaf] if path else [leaf])] = Origin(name, transpose=transpose)
    return names


def _leaf(module: nn.Module, name: str) -> tuple[str, bool]:
    """(Flax's name of a module's own parameter, whether it is transposed there)."""
    if name == "weight" and isinstance(module, nn.Linear | Conv1D):
        return "kernel", True
    if name == "weight" and isinstance(module, nn.LayerNorm):
        return "scale", False
    if name == "weight" and isinstance(module, nn.Embedding):
        return "embedding", False
    return name, False
