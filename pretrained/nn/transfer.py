"""How do numbers get to an accelerator without making it, or the program, wait?"""

from collections.abc import Sequence

import torch
from torch import Tensor


def send(values: Sequence[int] | Tensor, device: torch.device, *, dtype: torch.dtype = torch.long) -> Tensor:
    """Whole numbers that stand in the CPU's memory, on this device.

    From pinned memory a GPU fetches them itself, when it comes to it; from other memory the program would wait until
    the GPU has done all that it was given before.
    """
    here = torch.as_tensor(values, dtype=dtype, device="cpu")  # whatever device is torch's default
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)
