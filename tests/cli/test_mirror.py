"""Does `pretrained mirror` say where it serves, serve, and end when it is told to?"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.mirroring import ask, in_cache


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_mirror_from_start_to_end(loopback: None, tmp_path: Path, end: signal.Signals) -> None:
    in_cache(tmp_path / "hub", "owner/name", {"config.json": b"{}"})
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pretrained", "mirror", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+", first)
            assert first == f"serving 1 model at {url}\n"
            assert process.stdout.readline() == f"on other machines: HF_ENDPOINT={url}\n"
            assert "--host 0.0.0.0" in process.stdout.readline()
            assert ask(url, "/owner/name/resolve/main/config.json").body == b"{}"
            process.send_signal(end)
            assert process.stdout.read().startswith("stopped after 1 requests; ")
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_options(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("mirror", "--max-size", "5G").code == 2
    assert cli("mirror", "--upstream", "hub", "--max-size", "much").code == 2
    ended = cli("mirror", "--upstream", "http://127.0.0.1:1")
    assert ended.code == 1
    assert "HF_HUB_OFFLINE=1 forbids it" in ended.err
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "--upstream: 'nowhere' is no address" in cli("mirror", "--upstream", "nowhere").err
