"""Does every way in which a server fails end with the right bytes, or with an error that says what to do?"""

import errno
import http.client
import os
import random
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import ConfigurationError, DownloadError, ModelNotFoundError
from pretrained.hub import resolve
from pretrained.hub.download import Wish, download, store, transfer
from pretrained.hub.download.endpoints import endpoints
from pretrained.hub.download.http import tls_context
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.trouble import Trouble, of_error, of_status
from tests.hub.faulty_server import FAULTS, HubServer, Model, Request
from tests.hub.material import Material, write

NAME = "owner/name"
LARGE = random.Random(0).randbytes(3_000_000)
FILES = Material.tiny().files() | {"model.safetensors": LARGE}
QUICK = Patience(stall=0.2, tries=8, first_wait=0.001, longest_wait=0.01)
HERE = ("HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")

pytestmark = pytest.mark.usefixtures("loopback", "_quick")


@pytest.fixture
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache and home, no wait between tries, and files of 3 MB count as large."""
    for variable in HERE:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setattr(Patience, "from_environment", staticmethod(lambda: QUICK))
    monkeypatch.setattr(transfer, "_RANGE_LEAST", 1 << 18)
    monkeypatch.setattr(transfer, "_FAST", float("inf"))
    monkeypatch.setattr(transfer, "_TRIAL", 1 << 17)
    in_ranges(monkeypatch, 1 << 20)


def in_ranges(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    from pretrained.hub.download import job

    monkeypatch.setattr(transfer, "IN_RANGES_FROM", size)
    monkeypatch.setattr(job, "IN_RANGES_FROM", size)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def some(faults: tuple[str, ...], share: float, seed: int) -> Callable[[Request], str | None]:
    drawn = random.Random(seed)
    lock = threading.Lock()

    def fault(request: Request) -> str | None:
        with lock:
            return drawn.choice(faults) if drawn.random() < share else None

    return fault


# -- one server that fails for a while ------------------------------

_TEMPORARY = ("cut", "416", "429", "500", "503", "stall", "truncate")


@pytest.mark.parametrize("fault", _TEMPORARY)
@pytest.mark.parametrize("ranges", [True, False])
def test_temporary_faults_of_every_other_request(fault: str, ranges: bool, tmp_path: Path) -> None:
    counted = iter(range(10_000))

    def every_other(request: Request) -> str | None:
        return fault if request.is_file and next(counted) % 2 == 0 else None

    with HubServer({NAME: FILES}, fault=every_other, ranges=ranges) as server:
        if fault == "truncate":  # a length that contradicts the list is no accident
            with pytest.raises(DownloadError, match=r"sends \d+ bytes, and the hub lists|contradicts itself"):
                download(NAME, to=tmp_path / "to", servers=[server.url])
            return
        assert content(download(NAME, to=tmp_path / "to", servers=[server.url]).folder) == FILES


@pytest.mark.parametrize("cdn", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_temporary_faults(seed: int, cdn: bool, tmp_path: Path) -> None:
    fault = some(("cut", "429", "500", "503", "stall"), 0.4, seed)
    with HubServer({NAME: FILES}, cdn=cdn, seed=seed) as server:
        (server.elsewhere or server).fault = fault
        assert content(download(NAME, to=tmp_path / "to", servers=[server.url]).folder) == FILES


@pytest.mark.parametrize("size", [1 << 20, 1 << 30])
def test_flipped_bytes_are_never_kept(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_ranges(monkeypatch, size)
    flips = iter([True])

    def once(request: Request) -> str | None:
        return "flip" if "model.safetensors" in request.path and next(flips, False) else None

    with HubServer({NAME: FILES}, fault=once) as server:
        done = download(NAME, to=tmp_path / "to", servers=[server.url])
        assert content(done.folder) == FILES
        assert any("another hash" in note for note in done.notes)
        server.fault = lambda request: "flip" if request.is_file else None
        with pytest.raises(DownloadError, match="did not come whole: its bytes are not those that the hub lists"):
            download(NAME, to=tmp_path / "other", servers=[server.url])
    assert not any(name in FILES for name in content(tmp_path / "other"))


@pytest.mark.parametrize("fault", ["length", "html", "scheme", "elsewhere", "gzip", "404", "308"])
def test_a_server_that_never_sends_it_right(fault: str, tmp_path: Path) -> None:
    with (
        HubServer({NAME: FILES}, fault=lambda request: fault if request.is_file else None) as server,
        pytest.raises(DownloadError, match="To do: "),
    ):
        download(NAME, to=tmp_path / "to", servers=[server.url])
    assert not any(name in FILES for name in content(tmp_path / "to"))


def test_a_server_that_asks_to_wait_for_an_hour(tmp_path: Path) -> None:
    assert of_status(429, _head("Retry-After: 3600")).wait == 3600  # type: ignore[union-attr]
    assert 0 <= (of_status(503, _head("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT")).wait or 0) < 1  # type: ignore[union-attr]
    assert of_status(503, _head("Retry-After: soon")).wait is None  # type: ignore[union-attr]
    calls = []

    def busy() -> None:
        calls.append(1)
        raise Trouble("busy", "it answers 429", wait=3600)

    with pytest.raises(Trouble, match="asks to wait 3600 seconds"):
        QUICK.repeat(busy)
    assert len(calls) == 1


def _head(line: str) -> Any:
    from email import message_from_string

    return message_from_string(f"{line}\n\n")


def test_a_slow_connection_gets_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ranges(server: HubServer) -> list[str | None]:
        return [r.headers.get("Range") for r in server.log if "model.safetensors" in r.path]

    with HubServer({NAME: FILES}) as server:
        assert content(download(NAME, to=tmp_path / "slow", servers=[server.url]).folder) == FILES
        assert len(ranges(server)) > 4
        server.log.clear()
        monkeypatch.setattr(transfer, "_FAST", 1.0)
        assert content(download(NAME, to=tmp_path / "fast", servers=[server.url]).folder) == FILES
        assert ranges(server) == ["bytes=0-131071", "bytes=131072-"]


# -- going on ------------------------------


def test_a_part_is_gone_on_with(tmp_path: Path) -> None:
    with HubServer({NAME: FILES}) as server:
        etag = server.models[NAME].etag("model.safetensors")
        part = tmp_path / "cache" / "models--owner--name" / "blobs" / f"{etag}.incomplete"
        write(part.parent, {part.name: LARGE[:2_500_000]})
        done = download(NAME, cache_dir=tmp_path / "cache", servers=[server.url])
        assert content(done.folder) == FILES
        assert done.plan.received == 2_500_000
        (asked,) = [r for r in server.log if "model.safetensors" in r.path]  # what is left is too little for ranges
        assert asked.headers["Range"] == "bytes=2500000-"
        assert asked.headers["If-Range"] == f'"{etag}"'
        assert not part.exists()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("damage", ["wrong", "long", "whole"])
def test_a_damaged_part_is_fetched_again(damage: str, ranges: bool, tmp_path: Path) -> None:
    data = {"wrong": b"?" + LARGE[1:2_500_000], "long": LARGE + b"more", "whole": LARGE}[damage]
    with HubServer({NAME: FILES}, ranges=ranges) as server:
        etag = server.models[NAME].etag("model.safetensors")
        write(tmp_path / "cache" / "models--owner--name" / "blobs", {f"{etag}.incomplete": data})
        done = download(NAME, cache_dir=tmp_path / "cache", servers=[server.url])
        assert content(done.folder) == FILES
        if damage == "whole":
            assert "model.safetensors" not in server.files_asked()


def test_a_redirect_that_expires_is_asked_for_again(tmp_path: Path) -> None:
    asked = iter(range(1000))
    with HubServer({NAME: FILES}, cdn=True) as server:
        assert server.elsewhere is not None
        server.elsewhere.fault = lambda request: "404" if next(asked) % 5 == 4 else None
        assert content(download(NAME, to=tmp_path / "to", servers=[server.url]).folder) == FILES


def test_abandoned_parts_are_removed(tmp_path: Path) -> None:
    blobs = tmp_path / "models--owner--name" / "blobs"
    old, new, other = (f"{digit * 64}.incomplete" for digit in "abc")
    write(blobs, {old: b"x", new: b"x", "unknown.incomplete": b"x", other: b"x"})
    for name in (old, "unknown.incomplete"):
        os.utime(blobs / name, (1, 1))
    with HubServer({NAME: FILES}) as server:
        download(NAME, cache_dir=tmp_path, servers=[server.url])
    assert {path.name for path in blobs.glob("*.incomplete")} == {new, other, "unknown.incomplete"}


# -- several servers ------------------------------


@pytest.mark.parametrize("fault", ["404", "308", "html", "500", "elsewhere", "scheme"])
@pytest.mark.parametrize("where", ["list", "files"])
def test_a_mirror_that_is_no_use_is_passed_over(fault: str, where: str, tmp_path: Path) -> None:
    def broken(request: Request) -> str | None:
        return fault if request.is_file == (where == "files") else None

    with HubServer({NAME: FILES}, fault=broken) as mirror, HubServer({NAME: FILES}) as good:
        done = download(NAME, to=tmp_path / "to", servers=[mirror.url, good.url])
    assert content(done.folder) == FILES
    assert any(mirror.url in note for note in done.notes), done.notes


@pytest.mark.parametrize("fault", ["flip", "length", "truncate"])
def test_a_mirror_with_other_bytes_is_passed_over(fault: str, tmp_path: Path) -> None:
    with (
        HubServer({NAME: FILES}, fault=lambda r: fault if r.is_file else None) as mirror,
        HubServer({NAME: FILES}) as good,
    ):
        done = download(NAME, to=tmp_path / "to", servers=[mirror.url, good.url])
        assert content(done.folder) == FILES
        assert len([note for note in done.notes if mirror.url in note]) >= 3
        assert mirror.sent > 0 or fault != "flip"


@pytest.mark.parametrize("fault", ["404", "html", "length", "scheme"])
def test_a_mirror_that_fails_within_a_file(fault: str, tmp_path: Path) -> None:
    asked = iter(range(1000))

    def broken(request: Request) -> str | None:
        return fault if "model.safetensors" in request.path and next(asked) >= 3 else None

    with HubServer({NAME: FILES}, fault=broken) as mirror, HubServer({NAME: FILES}) as good:
        done = download(NAME, to=tmp_path / "to", servers=[mirror.url, good.url])
        assert content(done.folder) == FILES
        assert mirror.sent > 100_000
        assert good.sent < len(LARGE)  # what the mirror sent is kept
        assert any(mirror.url in note for note in done.notes)


def test_a_mirror_that_is_out_of_date(tmp_path: Path) -> None:
    with HubServer({NAME: FILES}) as mirror, HubServer({NAME: FILES}) as good:
        model = mirror.models[NAME]
        stale = Model(FILES | {"vocab.txt": b"old\n"})

        def fault(request: Request) -> str | None:
            mirror.models[NAME] = stale if request.is_file else model  # its list is newer than its files
            stale.commit = model.commit if "vocab" in request.path else stale.commit
            return None

        mirror.fault = fault
        with pytest.raises(DownloadError, match="--endpoint hub"):
            download(NAME, to=tmp_path / "to", servers=[mirror.url])
        assert content(download(NAME, to=tmp_path / "to", servers=[mirror.url, good.url]).folder) == FILES


def test_a_mirror_without_the_model_or_that_is_down(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with HubServer({}) as empty, HubServer({NAME: FILES}) as good:
        done = download(NAME, to=tmp_path / "to", servers=[nobody, empty.url, good.url])
        assert content(done.folder) == FILES
        assert [note.partition(" is passed over")[0] for note in done.notes] == [nobody, empty.url]


def test_where_servers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test/")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def urls(*chosen: str) -> list[tuple[str, bool]]:
        return [(endpoint.url, endpoint.takes_token) for endpoint in endpoints(chosen)]

    assert urls() == [("http://hub.test", True)]
    folder = tmp_path / "home" / ".config" / "pretrained"
    write(folder, {"config.toml": b'endpoints = ["http://lan:8000/", "hub"]\n'})
    assert urls() == [("http://lan:8000", False), ("http://hub.test", True)]
    monkeypatch.setenv("PRETRAINED_ENDPOINTS", "https://a.test/hf, hub\nhttp://hub.test")
    assert urls() == [("https://a.test/hf", False), ("http://hub.test", True)]
    assert urls("http://b.test") == [("http://b.test", False)]
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://default.test")
    assert urls("hub") == [("https://default.test", True)]
    for wrong in ("b.test", "ftp://b.test", "http://", "http://user:secret@b.test", "http://b.test/?x=1"):
        with pytest.raises(ConfigurationError, match="is no address of a server"):
            urls(wrong)
    monkeypatch.setenv("HF_ENDPOINT", "mirror:8000")
    with pytest.raises(ConfigurationError, match=r"HF_ENDPOINT: 'mirror:8000' is no address .* https://HOST$"):
        urls()
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.delenv("PRETRAINED_ENDPOINTS")
    for text in (b"endpoints = [", b'endpoints = "http://lan"', b"endpoints = [1]", b"\xff"):
        write(folder, {"config.toml": text})
        with pytest.raises(ConfigurationError, match=r"config\.toml"):
            urls()


# -- tokens, proxies, certificates ------------------------------


def test_a_token_goes_to_the_hub_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gated = Model(FILES, gated=True)
    with HubServer({NAME: gated}, cdn=True) as hub, HubServer({NAME: gated}) as mirror:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(DownloadError, match="only to people who accepted its conditions") as raised:
            download(NAME, to=tmp_path / "to")
        assert f"accept them at {hub.url}/owner/name, then: hf auth login" in str(raised.value)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        assert content(download(NAME, to=tmp_path / "to", servers=[mirror.url, "hub"]).folder) == FILES
        assert content(download(NAME, to=tmp_path / "two", token=hub.token).folder) == FILES
        assert hub.elsewhere is not None
        assert any("Authorization" in request.headers for request in hub.log)
        for request in (*hub.elsewhere.log, *mirror.log):
            assert "Authorization" not in request.headers
        with pytest.raises(DownloadError, match="hf auth login"):
            download(NAME, to=tmp_path / "three", token=False)


def test_proxies_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer({NAME: FILES}) as behind:

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            seen: list[tuple[str, str | None]] = []  # noqa: RUF012

            def log_message(self, format: str, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self.seen.append((self.path, self.headers.get("Proxy-Authorization")))
                onward = http.client.HTTPConnection(*behind.server.server_address[:2])
                onward.request("GET", self.path.removeprefix("http://hub.test"), headers=dict(self.headers.items()))
                answer = onward.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name in ("Content-Type", "Content-Length", "Content-Range", "ETag"):
                    if value := answer.headers.get(name):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                onward.close()

        with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            address = f"127.0.0.1:{server.server_address[1]}"
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.setenv("http_proxy", f"http://us%40er:secret@{address}")
            monkeypatch.setenv("HTTP_PROXY", f"http://us%40er:secret@{address}")
            done = download(NAME, to=tmp_path / "to", servers=["http://hub.test"])
            assert content(done.folder) == FILES
            assert {secret for _, secret in Proxy.seen} == {"Basic dXNAZXI6c2VjcmV0"}
            proxies = {"http://hub.test": f"http://{address}"}
            monkeypatch.delenv("http_proxy")
            monkeypatch.delenv("HTTP_PROXY")
            download(NAME, to=tmp_path / "two", servers=["http://hub.test"], proxies=proxies)
            assert Proxy.seen[-1][1] is None
            server.shutdown()


def test_no_proxy_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "hub.test")
    with pytest.raises(AssertionError, match=r"look up 'hub\.test'"):  # the guard of the tests, not the proxy
        download(NAME, to=tmp_path / "to", servers=["http://hub.test"])
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DownloadError, match="nothing answers at 127"):
        download(NAME, to=tmp_path / "to", servers=["http://hub.test"])


def test_a_proxy_that_wants_a_password_or_is_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DownloadError, match="of a kind that is not spoken here"):
        download(NAME, to=tmp_path / "to", servers=["http://hub.test"])
    wants = of_error(OSError("Tunnel connection failed: 407 Proxy Authentication Required"), "https://h", proxy="p")
    assert (wants.kind, wants.temporary) == ("proxy", False)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_the_environment(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    assert tls_context().check_hostname
    monkeypatch.setenv(variable, str(tmp_path / "company.pem"))
    with pytest.raises(Trouble, match=f"{variable} names .*company.pem, which holds no certificates"):
        tls_context()
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv(variable, str(tmp_path / "folder"))
    assert tls_context().cert_store_stats()["x509"] == 0


# -- what the user reads ------------------------------


def test_no_network_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(DownloadError) as raised:
        download("bert-base-uncased", to=tmp_path, servers=["https://hub.test"], looked=["the cache /x"])
    said = str(raised.value)
    for words in (
        "bert-base-uncased was not fetched: no server could be reached.",
        "the cache /x",
        "https://hub.test: the name hub.test cannot be looked up",
        "pretrained needs bert-base-uncased",
    ):
        assert words in said


def test_no_network_and_a_name_that_is_misspelled(tmp_path: Path) -> None:
    with HubServer({}) as mirror, pytest.raises(DownloadError) as raised:  # the mirror's word is not the last
        download(
            "bert-base-uncase", to=tmp_path, servers=[mirror.url, "http://127.0.0.1:1"], found=["cache: half of it"]
        )
    said = str(raised.value)
    assert "no server could be reached" in said
    assert "Closest: bert-base-uncased" in said
    assert "Found:\n  cache: half of it" in said


@pytest.mark.parametrize("name", ["./folder", "/folder", "package:x", "a/b/c"])
def test_what_is_no_name_of_the_hub(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="names no model of the hub"):
        download(name)


def test_a_certificate_nobody_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import ssl

    def unknown(*arguments: object, **options: object) -> None:
        raise ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate in certificate chain")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(DownloadError, match=r"export SSL_CERT_FILE=/path/to/company\.pem"):
        download(NAME, to=tmp_path, servers=["https://hub.test"])


def test_a_name_nobody_knows(tmp_path: Path) -> None:
    with HubServer({}) as server:
        with pytest.raises(ModelNotFoundError, match="To do: write bert-base-uncased") as raised:
            download("bert-base-uncase", to=tmp_path, servers=[server.url])
        assert not isinstance(raised.value, DownloadError)
        with pytest.raises(ModelNotFoundError, match="owner/name, or by its short name"):
            download("qqqqqqq/zzzzzzz", to=tmp_path, servers=[server.url])


# -- disks ------------------------------


def test_a_disk_that_is_too_small_is_named_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with HubServer({NAME: FILES}) as server:
        with pytest.raises(DownloadError, match=r"needs 3\.0 MB more in .*deep, and its disk has 10\.0 MB left"):
            download(NAME, to=tmp_path / "deep", servers=[server.url])
        assert server.files_asked() == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_fails_on_the_way(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = transfer._Written.take
    failing = True

    def take(self: Any, data: memoryview) -> None:
        if failing and self.position > 1_000_000:
            raise OSError(code, os.strerror(code))
        taken(self, data)

    monkeypatch.setattr(transfer._Written, "take", take)
    with HubServer({NAME: FILES}) as server:
        with pytest.raises(DownloadError, match=os.strerror(code)) as raised:
            download(NAME, cache_dir=tmp_path, servers=[server.url])
        assert str(tmp_path) in str(raised.value)
        assert not (tmp_path / "models--owner--name" / "snapshots").exists()
        failing = False
        done = download(NAME, cache_dir=tmp_path, servers=[server.url])
        assert done.plan.received > 1_000_000
        assert content(done.folder) == FILES


def test_a_cache_that_refuses_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, text: str = "") -> None:
        if text or not folder.is_dir():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))

    with HubServer({NAME: FILES}) as server:
        with monkeypatch.context() as patch:
            patch.setattr(store, "make_folder", refuse)
            with pytest.raises(DownloadError, match=r"cannot be written to .*blobs: Read-only file system") as raised:
                download(NAME, cache_dir=tmp_path, servers=[server.url])
            assert "set HF_HUB_CACHE" in str(raised.value)
        folder = download(NAME, cache_dir=tmp_path, servers=[server.url]).folder
        # what is whole is not written to: neither by a download, nor by resolve
        monkeypatch.setattr(store, "make_folder", refuse)
        monkeypatch.setattr(store, "write_text", refuse)
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
        assert download(NAME, cache_dir=tmp_path, servers=[server.url]).folder == folder
        assert resolve(NAME, cache_dir=tmp_path).root == folder
        assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_cache_that_may_only_be_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with HubServer({NAME: FILES}) as server, pytest.raises(DownloadError, match="Permission denied"):
            download(NAME, cache_dir=tmp_path / "cache", servers=[server.url])
    finally:
        tmp_path.chmod(0o755)


def test_every_fault_is_in_some_test() -> None:
    assert set(FAULTS) == {*_TEMPORARY, "length", "flip", "html", "elsewhere", "scheme"}


def test_wishes_are_plain_values() -> None:
    assert Wish() == Wish(None, True, None, False, "")
