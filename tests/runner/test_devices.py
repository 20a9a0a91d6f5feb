"""Is a device found by its number or name, and one that is not there refused before anything is loaded?"""

import pytest
import torch

from pretrained import Encoder
from pretrained.errors import ConfigurationError
from pretrained.runner.devices import find_device


@pytest.mark.parametrize("device", [-1, None, "cpu", torch.device("cpu")])
def test_the_cpu_has_several_names(device: object) -> None:
    assert find_device(device) == torch.device("cpu")


@pytest.mark.parametrize("device", ["cuda:99", 99, torch.device("cuda:99")])
def test_a_gpu_that_is_not_there(device: object) -> None:
    with pytest.raises(ConfigurationError, match="is a GPU, and torch"):
        find_device(device)
    with pytest.raises(ConfigurationError, match="is a GPU, and torch"):
        Encoder("no such model", device=device)


def test_a_name_that_means_nothing() -> None:
    with pytest.raises(ConfigurationError, match="'gpu' is not known"):
        find_device("gpu")
