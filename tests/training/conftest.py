"""Models that the tests of training share."""

from pathlib import Path

import pytest

from .samples import write_bert, write_gpt2


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without dropout, for comparisons."""
    return write_bert(tmp_path_factory.mktemp("steady"), dropout=0.0)


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt2(tmp_path_factory.mktemp("gpt2"))
