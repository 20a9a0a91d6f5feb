"""How does one make a model fast and call it as before? By a copy for inference, in the precision asked for."""

from typing import TypeVar, cast

import torch
from torch import nn

from pretrained.errors import ConfigurationError
from pretrained.modeling import PreTrainedModel
from pretrained.runner import fuse, passes, quantize
from pretrained.runner.devices import find_device

PRECISIONS = ("fp32", "bf16", "int8", "auto")
Model = TypeVar("Model", bound=PreTrainedModel)


def optimize(model: Model, *, precision: str = "fp32", device: torch.device | str | None = None) -> Model:
    """A fast copy of a model, of any family and with any head: the same `forward`, the same `generate`, no gradients.

    The model itself stays as it is. The copy shares its tensors where no pass replaced them, so once the model is
    gone the copy takes about as much memory as the model did.

    Args:
        precision: of the products. "fp32": results are those of the model up to rounding. "bf16": half the memory,
            twice as fast where the processor has the instructions, three digits. "int8": weights scaled by channel
            and inputs by token, on processors with VNNI or AMX; the fastest, two digits. "auto": bf16 where the
            processor has it, else fp32.
        device: where the copy goes; as the model unless given. 8 bits are for the CPU only.

    Raises:
        ConfigurationError: a precision that is not known, or that this machine cannot compute fast.
    """
    place = model.device if device is None else find_device(device)
    return cast(Model, passes.rewritten(model, passes_for(precision, place), device=place))


def passes_for(precision: str, device: torch.device) -> tuple[passes.Pass, ...]:
    """The passes that bring a model to this precision."""
    checked = _checked(precision, device)
    if device.type == "cpu":
        return _PASSES[checked]
    return (_to_bfloat16, passes.join_projections) if checked == "bf16" else (passes.join_projections,)


def _checked(precision: str, device: torch.device) -> str:
    """What "auto" means on this machine; refuses what cannot be computed fast."""
    if precision not in PRECISIONS:
        raise ConfigurationError(f"precision={precision!r} is not known; choose one of: {', '.join(PRECISIONS)}")
    on_cpu = device.type == "cpu"
    if precision == "auto":
        return "bf16" if not on_cpu or fuse.has_bfloat16() else "fp32"
    if precision == "int8" and not (on_cpu and quantize.available()):
        raise ConfigurationError(
            "precision='int8' needs a CPU with VNNI or AMX instructions and a torch whose operators are known; "
            f"here: {device.type}, {torch.backends.cpu.get_cpu_capability()}. Use precision='auto'"
        )
    return precision


def _to_bfloat16(model: nn.Module) -> nn.Module:
    return model.to(torch.bfloat16)


_PASSES: dict[str, tuple[passes.Pass, ...]] = {
    "fp32": passes.PASSES,
    "bf16": (_to_bfloat16, *passes.PASSES),
    "int8": (passes.quantize_linears, *passes.PASSES),
}
