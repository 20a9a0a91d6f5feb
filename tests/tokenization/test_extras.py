"""Is an optional package loaded, and named when it is missing?"""

import json

import pytest

from pretrained.errors import MissingDependencyError
from pretrained.tokenization.extras import optional


def test_a_package_that_is_there() -> None:
    assert optional("json", package="json", purpose="") is json


def test_one_that_is_not() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        optional("no_such_module_1", package="no-such", purpose="counting sheep", extra="sheep")
    assert isinstance(caught.value, ImportError)
    message = str(caught.value)
    assert message.startswith("counting sheep needs the package no-such, which is not installed")
    assert message.endswith('To do: pip install "pretrained[sheep]"')
    with pytest.raises(MissingDependencyError, match="To do: breed it"):
        optional("no_such_module_1", package="no-such", purpose="counting sheep", install="breed it")
