"""Does a mirror that is killed at any moment go on where it was, and never give or keep a wrong byte?"""

import http.client
import os
import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pretrained.hub import cache as hub_cache
from tests.hub.faulty_server import HubServer, Request
from tests.hub.mirroring import Answer, ask

ROUNDS = int(os.environ.get("PRETRAINED_KILLS", "8"))
FILES = {f"model-{number}.safetensors": random.Random(number).randbytes(6 << 20) for number in range(2)}
NAME = "owner/name"


@pytest.mark.skipif(sys.platform == "win32", reason="processes end otherwise there")
def test_killed_and_started_again(loopback: None, tmp_path: Path) -> None:
    chance = random.Random(ROUNDS)
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HOME": str(tmp_path), "PRETRAINED_TIMEOUT": "5"}
    folder = tmp_path / "mirror"

    def fault(request: Request) -> str | None:
        return "cut" if request.is_file and chance.random() < 0.6 else None

    def get(url: str, name: str, whole: list[Answer]) -> None:
        with suppress(OSError, http.client.HTTPException):  # as the mirror is killed
            whole.append(ask(url, f"/{NAME}/resolve/main/{name}"))

    with HubServer({NAME: FILES}, fault=fault) as hub:
        command = [sys.executable, "-m", "pretrained", "mirror", "--port", "0", "--upstream", hub.url]
        for last in [False] * ROUNDS + [True]:
            given: dict[str, list[Answer]] = {name: [] for name in FILES}
            with subprocess.Popen(
                [*command, "--cache", str(folder)], env=environment, stdout=subprocess.PIPE, text=True
            ) as mirror:
                assert mirror.stdout is not None
                url = mirror.stdout.readline().split()[-1]
                clients = [threading.Thread(target=get, args=(url, name, given[name])) for name in FILES]
                for client in clients:
                    client.start()
                    client.join(chance.uniform(0.0, 0.3))
                if last:
                    hub.fault = lambda request: None
                    for client in clients:
                        client.join(60)
                mirror.kill()
                for client in clients:
                    client.join(60)
            for name, answers in given.items():
                assert all(answer.body == FILES[name] for answer in answers if answer.status == 200)
    assert all(len(answers) == 1 and answers[0].status == 200 for answers in given.values())
    repository = hub_cache.repository_folder(folder, NAME)
    found = hub_cache.snapshot(repository)
    assert isinstance(found, hub_cache.Snapshot)
    assert {path.name: path.read_bytes() for path in found.path.iterdir()} == FILES
    assert len(list((repository / "blobs").iterdir())) == len(FILES)  # no part is left over
