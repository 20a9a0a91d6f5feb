"""How do numbers get to an accelerator without making it, or the program, wait?"""

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """The values, which stand in the CPU's memory, on this device.

    From pinned memory a GPU fetches them itself, when it comes to it; from other memory the program would wait until
    the GPU has done all that it was given before.
    """
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
