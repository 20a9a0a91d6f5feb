"""What went wrong between this machine and a server, is it worth another try, and what should be done about it?"""

import http.client
import socket
import ssl
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

_TEMPORARY = frozenset({"network", "timeout", "cut", "busy"})


class Trouble(Exception):
    """One failed request, as a sentence about the server, for people who have several servers."""

    def __init__(self, kind: str, reason: str, *, wait: float | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        """network, timeout, cut, busy, which may pass; certificate, proxy, token, gated, unknown_name,
        unknown_revision, unknown_file, missing, page, redirect, size, hash, stale, answer, address, closed, which do
        not."""
        self.wait = wait
        """How many seconds the server asks to wait (Retry-After)."""
        self.temporary = kind in _TEMPORARY and not final
        """Whether the same request may succeed a little later."""


def of_error(error: Exception, url: str, *, proxy: str | None = None) -> Trouble:
    """What an exception of the standard library means."""
    host = urlsplit(url).hostname
    through = f" through the proxy {proxy}" if proxy else ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble("certificate", f"the certificate of {host}{through} is signed by nobody this machine trusts")
    if isinstance(error, ssl.SSLError):
        return Trouble("cut", f"the secure connection to {host}{through} broke: {error.reason or error}")
    if isinstance(error, socket.gaierror):
        return Trouble("network", f"the name {proxy or host} cannot be looked up ({error.strerror})")
    if isinstance(error, TimeoutError):
        return Trouble("timeout", f"{host} sent nothing for a while")
    if isinstance(error, OSError) and str(error).startswith("Tunnel connection failed"):
        if "407" in str(error):
            return Trouble("proxy", f"the proxy {proxy} wants a user name and a password")
        return Trouble("proxy", f"the proxy {proxy} lets nobody through to {host}: {error}")
    if isinstance(error, ConnectionRefusedError):
        return Trouble("network", f"nothing answers at {proxy or urlsplit(url).netloc}")
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionError):
        return Trouble("cut", f"{host} closed the connection early")
    if isinstance(error, OSError):
        return Trouble("network", f"{host} cannot be reached{through}: {error.strerror or error}")
    return Trouble("cut", f"{host} does not speak HTTP ({type(error).__name__})")


def of_status(status: int, headers: Message) -> Trouble | None:
    """What a status means; None for one that brings what was asked for. The codes are those of the hub's protocol."""
    if status < 300:
        return None
    code, said = headers.get("X-Error-Code") or "", (headers.get("X-Error-Message") or "")[:200]
    if code == "GatedRepo" or "gated" in said.lower():
        return Trouble("gated", said or "the model is given only to people who accepted its conditions")
    if code == "RevisionNotFound":
        return Trouble("unknown_revision", "it has no such revision of this model")
    if code == "RepoNotFound":
        return Trouble("unknown_name", "it has no model of this name, or shows it only to its owners")
    if status in (401, 403):
        return Trouble("token", f"it answers {status}: {said or 'it wants to know who asks'}")
    if status == 407:
        return Trouble("proxy", "the proxy wants a user name and a password")
    if status in (404, 410):
        return Trouble("missing", f"it answers {status} and has no such file")
    if status in (408, 416, 425, 429) or status >= 500:
        return Trouble("busy", f"it answers {status}", wait=_retry_after(headers.get("Retry-After")))
    if status in (301, 308):
        return Trouble("redirect", f"it answers {status} and says not where to")
    return Trouble("answer", f"it answers {status}{': ' + said if said else ''}")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or from a date."""
    if not value:
        return None
    value = value.strip()
    if value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
