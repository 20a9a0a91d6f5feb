"""How does a script give the same numbers every time? All generators begin from one number."""

import random

import numpy as np
import torch


def set_seed(seed: int) -> None:
    """Python's, NumPy's and torch's generators begin from `seed`, on every device."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
