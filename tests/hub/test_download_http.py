"""Are encrypted connections checked, also through a proxy, and kept open from one request to the next?"""

import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pretrained.errors import DownloadError
from pretrained.hub.download import download
from pretrained.hub.download.http import Client
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.trouble import Trouble
from tests.hub.faulty_server import HubServer
from tests.hub.material import Material

NAME = "owner/name"
FILES = Material.tiny().files()

pytestmark = pytest.mark.usefixtures("loopback", "_quick")


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Patience(stall=2.0, tries=3, first_wait=0.001, longest_wait=0.01)
    monkeypatch.setattr(Patience, "from_environment", staticmethod(lambda: quick))
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hub.test and 127.0.0.1 that nobody signed, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    file = tmp_path_factory.mktemp("tls") / "company.pem"
    names = "subjectAltName=DNS:hub.test,IP:127.0.0.1"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub.test"]
    subprocess.run([*made, "-addext", names, "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    with file.open("ab") as together:
        together.write(Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[str]:
    """The address of a hub that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hub = HubServer({NAME: FILES})
    hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True, do_handshake_on_connect=False)
    with hub:
        yield hub.url.replace("http:", "https:")


def test_a_certificate_that_a_variable_names(
    encrypted: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DownloadError, match="export SSL_CERT_FILE=") as raised:
        download(NAME, to=tmp_path / "to", servers=[encrypted])
    assert "signed by nobody this machine trusts" in str(raised.value)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, f"{certificate}.crt")
            folder = download(NAME, to=tmp_path / variable, servers=[encrypted]).folder
            assert (folder / "vocab.txt").read_bytes() == FILES["vocab.txt"]


def test_through_a_proxy_that_only_sees_where_to(
    encrypted: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(encrypted.rpartition(":")[2])
    asked: list[tuple[str, str | None]] = []

    class Proxy(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_CONNECT(self) -> None:
            secret = self.headers.get("Proxy-Authorization")
            asked.append((self.path, secret))
            if secret is None:
                self.send_error(407)
                return
            with socket.create_connection(("127.0.0.1", port)) as onward:
                self.send_response(200)
                self.end_headers()
                ends = {self.connection: onward, onward: self.connection}
                while ends:
                    for end in select.select(list(ends), [], [], 5)[0]:
                        data = end.recv(65536)
                        if not data:
                            return
                        ends[end].sendall(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{proxy.server_address[1]}"
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        monkeypatch.setenv("https_proxy", f"http://{address}")
        with pytest.raises(DownloadError, match="wants a user name and a password") as raised:
            download(NAME, to=tmp_path / "to", servers=["https://hub.test"])
        assert "To do: export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT" in str(raised.value)
        monkeypatch.setenv("https_proxy", f"http://user:secret@{address}")
        folder = download(NAME, to=tmp_path / "to", servers=["https://hub.test"]).folder
        assert (folder / "vocab.txt").read_bytes() == FILES["vocab.txt"]
        proxy.shutdown()
    assert {where for where, _ in asked} == {"hub.test:443"}


def test_one_connection_serves_many_requests() -> None:
    with HubServer({NAME: FILES}) as server, Client(agent="tests") as client:
        opened = []
        connect = client._connect
        client._connect = lambda *given: opened.append(1) or connect(*given)  # type: ignore[method-assign, func-returns-value]
        address = f"{server.url}/{NAME}/resolve/main/vocab.txt"
        for _ in range(5):
            with client.ask(address) as reply:
                assert reply.read(1000) == FILES["vocab.txt"]
        with client.ask(address, method="HEAD") as reply:
            assert reply.headers["ETag"] == f'"{server.models[NAME].etag("vocab.txt")}"'
        assert len(opened) == 1
        for connection in client._open:  # the server may close it at any time
            connection.sock.shutdown(socket.SHUT_RDWR)
        with client.ask(address) as reply:
            assert reply.status == 200
        assert len(opened) == 2


@pytest.mark.parametrize("target", ["http://[::1", "http://h:99999999/", "javascript:x", "http://h:0/", "data:,x"])
def test_redirects_that_are_no_addresses(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hub import faulty_server

    monkeypatch.setattr(faulty_server._Handler, "_answer", lambda self: self._error(302, "", {"Location": target}))
    with (
        HubServer({}) as server,
        Client(agent="tests") as client,
        pytest.raises(Trouble, match="which is no web address"),
        client.ask(server.url),
    ):
        pass


def test_an_encrypted_connection_stays_encrypted(
    encrypted: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.hub import faulty_server

    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    there = {"Location": "http://127.0.0.1:1/x"}
    monkeypatch.setattr(faulty_server._Handler, "_answer", lambda self: self._error(302, "", there))
    with Client(agent="tests") as client, pytest.raises(Trouble, match="from https to http"), client.ask(encrypted):
        pass
