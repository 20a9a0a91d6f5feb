"""Which servers are asked for a model, and in which order?

`--endpoint` (or `endpoints=`), else PRETRAINED_ENDPOINTS, else `endpoints` in ~/.config/pretrained/config.toml, else
HF_ENDPOINT, else the hub. A list is taken as it stands: the hub belongs to it only where it says "hub".
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import ConfigurationError

HUB = "hub"
"""The word that stands for the hub in a list."""


@dataclass(frozen=True)
class Endpoint:
    """One server that speaks the hub's protocol."""

    url: str
    """Without a slash at its end."""
    takes_token: bool
    """Whether it is the hub, to which the user's token belongs."""

    def file(self, repository: str, commit: str, name: str) -> str:
        """Where one file of a model lies."""
        from urllib.parse import quote

        return f"{self.url}/{repository}/resolve/{quote(commit, safe='')}/{quote(name)}"

    def info(self, repository: str, revision: str) -> str:
        """Where a model's list of files lies."""
        from urllib.parse import quote

        return f"{self.url}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"


def endpoints(chosen: Sequence[str] = (), *, source: str = "--endpoint") -> list[Endpoint]:
    """The servers in order; the environment and the configuration are read at each call.

    `source` is the option that `chosen` came by.
    """
    named: Iterable[str] = chosen
    if not chosen:
        source = "PRETRAINED_ENDPOINTS"
        named = re.split(r"[\s,]+", os.environ.get(source, "").strip())
        if not any(named):
            path = configuration_file()
            source, named = str(path), _configured(path)
    found = [_endpoint(url, source) for url in named if url]
    return list(dict.fromkeys(found)) or [_endpoint(HUB, "")]


def configuration_file() -> Path:
    """Where the user's configuration lies, whether it is there or not."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join("~", ".config")
    return Path(os.path.expanduser(home), "pretrained", "config.toml")


def _configured(path: Path) -> list[str]:
    import tomllib

    if not os.path.isfile(path):  # nor is there one in a home that this user may not look into
        return []
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}. To do: correct that place, or move the file away"
        ) from error
    listed = content.get("endpoints", [])
    if not isinstance(listed, list) or not all(isinstance(url, str) for url in listed):
        raise ConfigurationError(f'{path}: endpoints must be a list of addresses, such as ["http://host:8000", "hub"]')
    return listed


def _endpoint(url: str, source: str) -> Endpoint:
    hub = _hub()
    if url == HUB:
        return Endpoint(hub, takes_token=True)
    url = _address(url, source, others=", or hub")
    return Endpoint(url, takes_token=url == hub)


def _address(url: str, source: str, *, others: str = "") -> str:
    """The address of a server, without a slash at its end."""
    url = url.rstrip("/")
    if not re.fullmatch(r"https?://[^/\s@]+(/[^\s?#]*)?", url):
        raise ConfigurationError(
            f"{source}: {url!r} is no address of a server. To do: write http://HOST:PORT, https://HOST{others}"
        )
    return url


def _hub() -> str:
    """HF_ENDPOINT, else the address that huggingface_hub knows."""
    if named := os.environ.get("HF_ENDPOINT", "").strip():
        return _address(named, "HF_ENDPOINT")
    from huggingface_hub import constants

    return constants.ENDPOINT.rstrip("/")
