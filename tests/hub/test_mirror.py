"""Does the mirror answer as the hub does, give every byte, and nothing that is not a model's?"""

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pretrained.errors import ConfigurationError
from pretrained.hub.mirror import Mirror, connection
from tests.hub.mirroring import COMMIT, Answer, ask, in_cache

WEIGHTS = bytes(range(256)) * 40
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "1_Pooling/config.json": b"{}"}
SHA = hashlib.sha256(WEIGHTS).hexdigest()
BLOB = hashlib.sha1(b"blob %d\0" % len(FILES["config.json"]) + FILES["config.json"]).hexdigest()
FILE = f"/owner/name/resolve/{COMMIT}/model.safetensors"

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    in_cache(tmp_path / "cache", "owner/name", FILES, refs=("main", "refs/pr/1"))
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "cache"


@pytest.fixture
def url(cache: Path) -> Iterator[str]:
    with Mirror([cache], port=0) as mirror:
        yield mirror.url


# -- the protocol ------------------------------


def test_model_info(url: str) -> None:
    said = ask(url, "/api/models/owner/name").json()
    assert (said["id"], said["sha"]) == ("owner/name", COMMIT)
    assert said["siblings"] == [{"rfilename": name} for name in sorted(FILES)]
    for revision in ("main", COMMIT, COMMIT[:8], "refs%2Fpr%2F1"):
        said = ask(url, f"/api/models/owner/name/revision/{revision}?blobs=true").json()
        assert said["sha"] == COMMIT
        by_name = {sibling["rfilename"]: sibling for sibling in said["siblings"]}
        assert by_name["config.json"] == {"rfilename": "config.json", "size": 22, "blobId": BLOB}
        assert by_name["model.safetensors"]["lfs"] == {"sha256": SHA, "size": len(WEIGHTS), "pointerSize": 134}
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA}\nsize {len(WEIGHTS)}\n".encode()
        assert by_name["model.safetensors"]["blobId"] == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()


def test_trees(url: str) -> None:
    flat = ask(url, "/api/models/owner/name/tree/main").json()
    assert [(one["type"], one["path"]) for one in flat] == [
        ("directory", "1_Pooling"),
        ("file", "config.json"),
        ("file", "model.safetensors"),
    ]
    deep = ask(url, "/api/models/owner/name/tree/main?recursive=true&expand=true").json()
    assert [one["path"] for one in deep] == ["1_Pooling", *sorted(FILES)]
    assert next(one for one in deep if one["path"] == "model.safetensors")["lfs"]["oid"] == SHA
    below = ask(url, "/api/models/owner/name/tree/main/1_Pooling").json()
    assert [one["path"] for one in below] == ["1_Pooling/config.json"]
    assert ask(url, "/api/models/owner/name/tree/main/nothing").status == 404


def test_a_large_file(url: str) -> None:
    for method in ("GET", "HEAD"):
        answer = ask(url, FILE, method=method)
        assert answer.status == 200
        assert answer.body == (WEIGHTS if method == "GET" else b"")
        expected = {
            "ETag": f'"{SHA}"',
            "X-Linked-Etag": f'"{SHA}"',
            "X-Linked-Size": str(len(WEIGHTS)),
            "X-Repo-Commit": COMMIT,
            "Content-Length": str(len(WEIGHTS)),
            "Accept-Ranges": "bytes",
        }
        assert answer.headers.items() >= expected.items()


def test_a_small_file(url: str) -> None:
    answer = ask(url, "/owner/name/resolve/main/config.json?download=true")
    assert answer.body == FILES["config.json"]
    assert answer.headers["ETag"] == f'"{BLOB}"'
    assert "X-Linked-Etag" not in answer.headers
    assert ask(url, "/owner/name/resolve/main/1_Pooling/config.json").body == b"{}"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-0", 0, 1), ("100-199", 100, 200), ("10000-", 10000, 10240), ("-40", 10200, 10240), ("5-99999999", 5, 10240)],
)
def test_ranges(url: str, asked: str, start: int, end: int) -> None:
    answer = ask(url, FILE, Range=f"bytes={asked}")
    assert (answer.status, answer.body) == (206, WEIGHTS[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(WEIGHTS)}"


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-y"])
def test_what_is_no_single_range_gets_the_whole_file(url: str, asked: str) -> None:
    assert ask(url, FILE, Range=asked).status == 200


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-99999", "bytes=-0"])
def test_ranges_behind_the_end(url: str, asked: str) -> None:
    answer = ask(url, FILE, Range=asked)
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(WEIGHTS)}"


def test_conditions(url: str) -> None:
    assert ask(url, FILE, Range="bytes=5-9", If_Range=f'"{SHA}"').status == 206
    assert ask(url, FILE, Range="bytes=5-9", If_Range='"other"').body == WEIGHTS
    for tags in (f'"{SHA}"', f'"other", W/"{SHA}"', "*"):
        answer = ask(url, FILE, If_None_Match=tags)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", f'"{SHA}"')
    assert ask(url, FILE, If_None_Match='"other"').status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/owner/other", "RepoNotFound"),
        ("/owner/other/resolve/main/config.json", "RepoNotFound"),
        ("/api/models/owner/name/revision/v9", "RevisionNotFound"),
        ("/owner/name/resolve/v9/config.json", "RevisionNotFound"),
        ("/owner/name/resolve/main/nothing.json", "EntryNotFound"),
        ("/api/datasets/owner/name", None),
        ("/owner/name", None),
    ],
)
def test_what_is_not_there(url: str, path: str, code: str | None) -> None:
    answer = ask(url, path)
    assert (answer.status, answer.headers.get("X-Error-Code")) == (404, code)
    assert answer.json()["error"]
    assert ("X-Repo-Commit" in answer.headers) == (code == "EntryNotFound")


def test_names_with_and_without_owner_are_one_model(tmp_path: Path) -> None:
    in_cache(tmp_path / "old", "bert-base-uncased", FILES)
    in_cache(tmp_path / "new", "openai-community/gpt2", FILES)
    with Mirror([tmp_path / "old", tmp_path / "new"], port=0) as mirror:
        for name in ("bert-base-uncased", "google-bert/bert-base-uncased", "gpt2", "openai-community/gpt2"):
            assert ask(mirror.url, f"/{name}/resolve/main/config.json").body == FILES["config.json"]
            assert "/" in ask(mirror.url, f"/api/models/{name}").json()["id"]
            assert ask(mirror.url, f"/api/models/{name}/revision/main").json()["sha"] == COMMIT


def test_caches_complete_each_other_within_one_commit(tmp_path: Path) -> None:
    in_cache(tmp_path / "a", "owner/name", {"config.json": b"a"})
    in_cache(tmp_path / "b", "owner/name", {"config.json": b"b", "vocab.txt": b"v"})
    in_cache(tmp_path / "c", "owner/name", {"other.txt": b"c"}, commit="f" * 40)
    with Mirror([tmp_path / name for name in "abc"], port=0) as mirror:
        said = ask(mirror.url, "/api/models/owner/name").json()
        assert [sibling["rfilename"] for sibling in said["siblings"]] == ["config.json", "vocab.txt"]
        assert ask(mirror.url, "/owner/name/resolve/main/config.json").body == b"a"
        assert ask(mirror.url, "/owner/name/resolve/main/vocab.txt").body == b"v"


def test_a_cache_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    large = bytes(2 << 20)
    in_cache(tmp_path / "cache", "owner/name", {"config.json": b"{}", "model.safetensors": large}, links=False)
    with Mirror([tmp_path / "cache"], port=0) as mirror:
        headers = ask(mirror.url, FILE, method="HEAD").headers
        assert headers["ETag"] == f'"{hashlib.sha256(large).hexdigest()}"'
        small = ask(mirror.url, "/owner/name/resolve/main/config.json")
        assert small.headers["ETag"] == f'"{hashlib.sha1(b"blob 2" + bytes(1) + b"{}").hexdigest()}"'


def test_one_connection_for_many_questions(url: str) -> None:
    import http.client

    host = urlsplit(url)
    connection = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=20)
    for _ in range(3):
        for path, size in ((FILE, len(WEIGHTS)), ("/owner/name/resolve/main/nothing", 0), ("/", 0)):
            connection.request("GET", path)
            body = connection.getresponse().read()
            assert len(body) == size or not size
    connection.close()


# -- what it keeps to itself ------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/owner/name/resolve/main/../../../../../secret.txt",
        "/owner/name/resolve/main/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/owner/name/resolve/main/..%2f..%2f..%2f..%2fsecret.txt",
        "/owner/name/resolve/main/..%5c..%5csecret.txt",
        "/owner/name/resolve/main//etc/hostname",
        "/owner/name/resolve/main/%2fetc%2fhostname",
        "/owner/name/resolve/main/config.json%00.txt",
        "/owner/name/resolve/main/config.json/",
        "/owner/name/resolve/..%2f..%2f..%2f/secret.txt",
        "/owner/name/resolve/../config.json",
        "/owner/name/resolve/main/1_Pooling%2fconfig.json",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/../cache/resolve/main/config.json",
        "/%2e%2e/cache/resolve/main/config.json",
        "/owner%2fname/resolve/main/config.json",
        "/owner--name/resolve/main/config.json",
        "/models--owner--name/refs/main",
        "/api/models/..%2f..",
        "/api/models/owner/name/tree/main/..",
        "/api/models/owner/name/revision/..%2fsnapshots",
        "/owner/name/resolve/main/C:/secret.txt",
        "/owner/name/resolve/main/%ff",
        "secret.txt",
        "http://127.0.0.1/secret.txt",
    ],
)
def test_paths_that_lead_out(url: str, path: str) -> None:
    answer = ask(url, path)
    assert answer.status == 404
    assert b"secret" not in answer.body.replace(b"secret.txt", b"")


def test_links_that_lead_out(cache: Path, url: str, tmp_path: Path) -> None:
    snapshot = cache / "models--owner--name" / "snapshots" / COMMIT
    other = in_cache(cache, "owner/private", {"key.txt": b"key"})
    (snapshot / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (snapshot / "folder").symlink_to(tmp_path, target_is_directory=True)
    (snapshot / "other.txt").symlink_to(other / "key.txt")
    (snapshot / "nothing.txt").symlink_to("nowhere")
    os.mkfifo(snapshot / "pipe.txt")
    listed = [one["rfilename"] for one in ask(url, "/api/models/owner/name").json()["siblings"]]
    assert listed == sorted(FILES)
    for name in ("secret.txt", "folder/secret.txt", "other.txt", "nothing.txt", "pipe.txt"):
        assert ask(url, f"/owner/name/resolve/main/{name}").status == 404


def test_a_blob_that_is_a_link(cache: Path, url: str, tmp_path: Path) -> None:
    blob = cache / "models--owner--name" / "blobs" / SHA
    blob.unlink()
    blob.symlink_to(tmp_path / "secret.txt")
    assert ask(url, FILE).status == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "MKCOL", "NONSENSE"])
def test_nobody_writes(cache: Path, url: str, method: str) -> None:
    before = sorted(cache.rglob("*"))
    for path in (FILE, "/api/models/owner/name", "/api/repos/create"):
        answer = ask(url, path, method=method, body=b"x")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert sorted(cache.rglob("*")) == before
    assert ask(url, FILE).body == WEIGHTS


def test_a_question_with_a_body_is_refused(url: str) -> None:
    smuggled = b"GET /owner/name/resolve/main/config.json HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(url, "/", body=smuggled).status == 400
    assert ask(url, "/", Transfer_Encoding="chunked").status == 400


# -- broken clients ------------------------------


def talk(url: str, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Whatever comes back for some bytes."""
    host = urlsplit(url)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as client:
        received = b""
        try:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
            while data := client.recv(65536):
                received += data
        except ConnectionError:
            pass
        return received


def test_heads_that_do_not_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    begin = time.monotonic()
    assert talk(url, b"GET / HT") == b""
    assert talk(url, *[b"x"] * 8, pause=0.1) == b""
    assert talk(url, b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 20_000)[:12] in (b"", b"HTTP/1.1 431")
    assert talk(url, b"GET /" + b"a" * 100_000) == b""
    assert time.monotonic() - begin < 5
    assert ask(url, FILE).body == WEIGHTS


@pytest.mark.parametrize("said", [b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_nonsense(url: str, said: bytes) -> None:
    host = urlsplit(url)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as client:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert ask(url, FILE).body == WEIGHTS


def test_clients_that_go_away(cache: Path) -> None:
    large = os.urandom(8 << 20)
    in_cache(cache, "owner/large", {"model.safetensors": large})
    with Mirror([cache], port=0) as mirror:
        host = urlsplit(mirror.url)
        for _ in range(20):
            with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as client:
                client.sendall(f"GET {FILE.replace('name', 'large')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                client.recv(1000)
        assert ask(mirror.url, FILE.replace("name", "large")).body == large


def test_more_connections_than_there_are_threads_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrained.hub.mirror.server._CONNECTIONS", 3)
    with Mirror([cache], port=0) as mirror:
        host = urlsplit(mirror.url)
        waiting = [socket.create_connection((host.hostname or "", host.port or 0), timeout=10) for _ in range(3)]
        deadline = time.monotonic() + 10
        while not talk(mirror.url, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 503"):
            assert time.monotonic() < deadline
        for client in waiting:
            client.close()
        while ask_or_busy(mirror.url).status == 503:
            assert time.monotonic() < deadline
        assert ask(mirror.url, FILE).body == WEIGHTS


def ask_or_busy(url: str) -> Answer:
    try:
        return ask(url, "/")
    except ConnectionError:
        return Answer(503, {}, b"")


# -- starting ------------------------------


def test_the_status_page(cache: Path, url: str) -> None:
    in_cache(cache, "owner/<script>", {"config.json": b"{}"})
    ask(url, FILE)
    page = ask(url, "/", Host='x"><script>')
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    text = page.body.decode()
    assert "<script>" not in text
    assert "owner/name" in text
    assert "127.0.0.1" in text
    assert "http://" not in text.replace("HF_ENDPOINT=http://", "")
    said = ask(url, "/?json").json()
    assert {"name": "owner/name", "size": sum(map(len, FILES.values())) + 2 * len(COMMIT), "hits": 1} in said["models"]
    assert said["clients"][0]["address"] == "127.0.0.1"
    assert said["sent"] == len(WEIGHTS)
    json.dumps(said)


def test_an_address_that_is_taken(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)nothing can be served at 127\.0\.0\.1.*choose another --port"):
        Mirror([], port=urlsplit(url).port or 0)


def test_an_upstream_on_a_machine_that_is_kept_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE=1 forbids it"):
        Mirror([], port=0, upstream="http://127.0.0.1:1", folder=tmp_path)
