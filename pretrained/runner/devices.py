"""Where does a network run? On what is named, if this machine has it."""

import torch

from pretrained.errors import ConfigurationError


def find_device(device: int | str | torch.device | None) -> torch.device:
    """The device of this number or name.

    Raises:
        ConfigurationError: the name means nothing to torch, or this machine does not have the device.
    """
    if isinstance(device, str) and device.removeprefix("-").isdecimal():  # as a command line gives it
        device = int(device)
    if device is None or isinstance(device, int):
        device = "cpu" if device is None or device < 0 else f"cuda:{device}"
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ConfigurationError(
            f'device={device!r} is not known; -1 or "cpu" is the CPU, 0 or "cuda:0" the first GPU'
        ) from error
    count = torch.cuda.device_count()
    if found.type == "cuda" and (found.index or 0) >= count:
        raise ConfigurationError(
            f"device={device!r} is a GPU, and torch {torch.__version__} finds {count or 'none'} on this machine. "
            "Pass device='cpu'; where there is a GPU, install a torch that was built for it (pytorch.org)"
        )
    return found
