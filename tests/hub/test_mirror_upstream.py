"""Does a mirror with an upstream fetch each file once, give only what is right, and stay within its limits?"""

import hashlib
import http.client
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pretrained.hub import cache as hub_cache
from pretrained.hub.download import download
from pretrained.hub.mirror import Mirror
from tests.hub.faulty_server import HubServer, Model, Request
from tests.hub.material import Material
from tests.hub.mirroring import ask, in_cache

TINY = Material.tiny()
LARGE = bytes(range(256)) * 16384  # 4 MB
FILES = TINY.files() | {"model.safetensors": LARGE, "README.md": b"# a model\n"}
NAME = "owner/name"
COMMIT = Model(FILES).commit
FILE = f"/{NAME}/resolve/{COMMIT}/model.safetensors"

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No long waits, and nothing of this machine."""
    monkeypatch.setattr("pretrained.hub.mirror.server._FIRST_BYTES", 0.3)
    monkeypatch.setenv("PRETRAINED_TIMEOUT", "2")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer({NAME: FILES}) as server:
        yield server


@pytest.fixture
def mirror(server: HubServer, tmp_path: Path) -> Iterator[Mirror]:
    with Mirror([tmp_path / "hub"], port=0, upstream=server.url, folder=tmp_path / "mirror") as mirror:
        yield mirror


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def test_what_is_not_here_is_fetched_once(server: HubServer, mirror: Mirror, tmp_path: Path) -> None:
    said = ask(mirror.url, f"/api/models/{NAME}/revision/main?blobs=true").json()
    assert said["sha"] == COMMIT
    assert sorted(sibling["rfilename"] for sibling in said["siblings"]) == sorted(FILES)
    assert ask(mirror.url, FILE, method="HEAD").headers["Content-Length"] == str(len(LARGE))
    assert server.files_asked() == []
    for _ in range(3):
        for name, content in FILES.items():
            assert ask(mirror.url, f"/{NAME}/resolve/main/{name}").body == content
    assert sorted(server.files_asked()) == sorted(FILES)
    found = hub_cache.snapshot(hub_cache.repository_folder(tmp_path / "mirror", NAME), "main")
    assert isinstance(found, hub_cache.Snapshot)
    assert names(found.path) == sorted(FILES)
    assert not (tmp_path / "hub").exists()


def test_many_clients_wait_for_one_download(server: HubServer, mirror: Mirror) -> None:
    def slowly(request: Request) -> None:
        if request.is_file:
            time.sleep(0.5)

    server.fault = slowly
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(mirror.url, FILE), range(12)))
    assert all(answer.body == LARGE for answer in answers)
    assert server.files_asked() == ["model.safetensors"]
    assert len([request for request in server.log if "/api/" in request.path]) == 1


def test_ranges_of_a_file_on_its_way(server: HubServer, mirror: Mirror) -> None:
    server.fault = lambda request: time.sleep(0.2) if request.is_file else None
    ranges = [(start, start + 500_000) for start in range(0, len(LARGE), 500_000)]

    def part(bounds: tuple[int, int]) -> bytes:
        answer = ask(mirror.url, FILE, Range=f"bytes={bounds[0]}-{bounds[1] - 1}")
        assert answer.status == 206
        return answer.body

    with ThreadPoolExecutor(len(ranges)) as pool:
        assert b"".join(pool.map(part, ranges)) == LARGE
    assert server.files_asked() == ["model.safetensors"]


def test_bytes_are_given_while_they_arrive(server: HubServer, mirror: Mirror) -> None:
    """The first half comes before the second is sent, and the end after all of it was verified."""
    stalled = iter([True])
    server.fault = lambda request: "stall" if request.is_file and next(stalled, False) else None
    server.stall = 1.5
    server.random.seed(1)
    host = urlsplit(mirror.url)
    connection = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=20)
    connection.request("GET", FILE)
    reply = connection.getresponse()
    begin = reply.read(1000)
    assert server.sent < len(LARGE)
    assert begin + reply.read() == LARGE
    connection.close()


def test_a_connection_that_breaks_is_taken_up_again(server: HubServer, mirror: Mirror) -> None:
    faults = iter(["cut", "cut", "500", "cut"])
    server.fault = lambda request: next(faults, None) if request.is_file else None
    assert ask(mirror.url, FILE).body == LARGE


def test_a_mirror_that_was_stopped_goes_on_where_it_was(server: HubServer, tmp_path: Path) -> None:
    digest = hashlib.sha256(LARGE).hexdigest()
    blobs = tmp_path / "mirror" / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{digest}.incomplete").write_bytes(LARGE[:3_000_000])
    with Mirror([], port=0, upstream=server.url, folder=tmp_path / "mirror") as mirror:
        assert ask(mirror.url, FILE).body == LARGE
    assert next(r for r in server.log if r.is_file).headers["Range"] == "bytes=3000000-"


@pytest.mark.parametrize("first_bytes", [10.0, 0.0])
def test_wrong_bytes_never_become_a_file(
    server: HubServer, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_bytes: float
) -> None:
    """The client hears of it, by an error or by a file that ends early; and what it has is not gone on with."""
    monkeypatch.setattr("pretrained.hub.mirror.server._FIRST_BYTES", first_bytes)

    def late_and_wrong(request: Request) -> str | None:
        time.sleep(0.2 if request.is_file else 0)
        return "flip" if request.is_file else None

    server.fault = late_and_wrong
    if first_bytes:
        assert ask(mirror.url, FILE).status == 502
    else:
        with pytest.raises(http.client.IncompleteRead):
            ask(mirror.url, FILE)
    assert set(names(tmp_path / "mirror" / "models--owner--name" / "blobs")) <= {
        f"{hashlib.sha256(LARGE).hexdigest()}.incomplete"
    }
    server.fault = lambda request: None
    deadline = time.monotonic() + 10
    while mirror.library.upstream and mirror.library.upstream.on_their_way():
        assert time.monotonic() < deadline
    answer = ask(mirror.url, FILE, Range="bytes=1000-")
    assert (answer.status, answer.body) == (200, LARGE)


def test_an_upstream_that_is_down(server: HubServer, tmp_path: Path) -> None:
    in_cache(tmp_path / "hub", "owner/here", {"config.json": b"{}"})
    with Mirror([tmp_path / "hub"], port=0, upstream="http://127.0.0.1:1", folder=tmp_path / "mirror") as mirror:
        assert ask(mirror.url, "/owner/here/resolve/main/config.json").body == b"{}"
        answer = ask(mirror.url, FILE)
        assert answer.status == 502
        assert "nothing answers at 127.0.0.1:1" in answer.json()["error"]


def test_what_the_upstream_does_not_know(server: HubServer, mirror: Mirror, tmp_path: Path) -> None:
    in_cache(tmp_path / "hub", "owner/own", {"config.json": b"{}"})
    assert ask(mirror.url, "/owner/own/resolve/main/config.json").body == b"{}"
    server.models["owner/gated"] = Model(FILES, gated=True)
    for path, status, code in (
        ("/owner/other/resolve/main/config.json", 404, "RepoNotFound"),
        ("/owner/name/resolve/v7/config.json", 404, "RevisionNotFound"),
        ("/owner/name/resolve/main/nothing", 404, "EntryNotFound"),
        ("/owner/gated/resolve/main/config.json", 403, "GatedRepo"),
    ):
        answer = ask(mirror.url, path)
        assert (answer.status, answer.headers["X-Error-Code"]) == (status, code)


def test_no_token_goes_upstream(server: HubServer, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_machine")
    assert ask(mirror.url, FILE, Authorization="Bearer of-the-client").body == LARGE
    assert server.log
    assert all("Authorization" not in request.headers for request in server.log)


def test_a_branch_that_moves(server: HubServer, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrained.hub.mirror.upstream._FRESH", 0.0)
    vocabulary = f"/{NAME}/resolve/main/vocab.txt"
    assert ask(mirror.url, vocabulary).body == FILES["vocab.txt"]
    server.models[NAME] = Model(FILES | {"vocab.txt": b"new\n"})
    assert ask(mirror.url, vocabulary).body == b"new\n"
    assert ask(mirror.url, vocabulary.replace("main", COMMIT)).body == FILES["vocab.txt"]
    before = server.files_asked()
    assert ask(mirror.url, FILE.replace(COMMIT, "main")).body == LARGE
    assert ask(mirror.url, FILE).body == LARGE  # the same bytes in both revisions
    assert server.files_asked() == [*before, "model.safetensors"]


def test_the_oldest_models_give_way(server: HubServer, tmp_path: Path) -> None:
    own = in_cache(tmp_path / "hub", "owner/own", {"config.json": LARGE})
    for name in "abc":
        server.models[f"owner/{name}"] = Model({"model.safetensors": os.urandom(1_000_000), "config.json": b"{}"})
    folder = tmp_path / "mirror"
    with Mirror([tmp_path / "hub"], port=0, upstream=server.url, folder=folder, max_size=2_500_000) as mirror:

        def get(name: str) -> int:
            return ask(mirror.url, f"/owner/{name}/resolve/main/model.safetensors").status

        for name in "ab":
            assert get(name) == 200
        for name, age in (("a", 100), ("b", 200)):
            before = time.time() - age
            os.utime(folder / f"models--owner--{name}" / "snapshots", (before, before))
        assert get("c") == 200
        assert sorted(path.name for path in folder.glob("models--*")) == ["models--owner--a", "models--owner--c"]
        answer = ask(mirror.url, FILE)
        assert answer.status == 502
        assert "does not fit below --max-size 2.5 MB" in answer.json()["error"]
        assert get("b") == 200
    assert own.joinpath("config.json").read_bytes() == LARGE


def test_a_model_that_is_used_stays(server: HubServer, mirror: Mirror, tmp_path: Path) -> None:
    ask(mirror.url, FILE)
    snapshots = tmp_path / "mirror" / "models--owner--name" / "snapshots"
    os.utime(snapshots, (1, 1))
    ask(mirror.url, FILE)
    deadline = time.monotonic() + 5
    while snapshots.stat().st_mtime < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        ask(mirror.url, FILE, method="HEAD")
    assert snapshots.stat().st_mtime > 2


def test_our_own_download_through_a_chain_of_mirrors(mirror: Mirror, server: HubServer, tmp_path: Path) -> None:
    with Mirror([], port=0, upstream=mirror.url, folder=tmp_path / "second") as second:
        done = download(NAME, servers=[second.url], cache_dir=tmp_path / "client")
    assert done.plan.commit == COMMIT
    assert done.folder.joinpath("model.safetensors").read_bytes() == LARGE
    assert server.files_asked().count("model.safetensors") == 1
