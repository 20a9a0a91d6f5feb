"""Is this machine fit for loading models, and for fetching them? Each finding says what it saw, and what mends it.

Nothing is written, and the network is asked only by `network`.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.parse import urlsplit

from pretrained.errors import ConfigurationError
from pretrained.hub import cache, messages, older_caches, options

_LITTLE_SPACE = 2 * 10**9
_NOT_FOR_USERS = frozenset({"test", "dev"})
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    section: str
    what: str
    said: str
    state: str = "ok"
    """"ok"; "note" for what may surprise and is no fault; "bad"."""
    mend: str = ""


def machine() -> Iterator[Finding]:
    """Everything that can be told without torch and without the network."""
    yield from _python()
    yield from _packages()
    yield from _caches()
    yield from _network_settings()


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    enough = sys.version_info >= (3, 11)
    yield Finding(
        "python", "Python", found, "ok" if enough else "bad", "" if enough else "install Python 3.11 or later"
    )
    wide = sys.maxsize > 2**32
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    mend = "" if wide else "install a Python of 64 bits: weights are mapped into memory"
    yield Finding("python", "system", system, "ok" if wide else "bad", mend)


# -- packages --------------------------------


def _packages() -> Iterator[Finding]:
    """What this package requires, and the extras that are not installed."""
    try:
        listed = requires("pretrained") or []
        own = version("pretrained")
    except PackageNotFoundError:
        mend = "python -m pip install pretrained"
        yield Finding("packages", "pretrained", "it runs from a folder, and is not installed", "note", mend)
        return
    from packaging.requirements import Requirement

    yield Finding("packages", "pretrained", own)
    extras: dict[str, list[str]] = {}
    for requirement in map(Requirement, listed):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            here = _installed(requirement.name)
            wanted = str(requirement.specifier)
            if here is None:
                mend = f'python -m pip install "{requirement.name}{wanted}"'
                yield Finding("packages", requirement.name, "not installed", "bad", mend)
            elif not requirement.specifier.contains(here, prereleases=True):
                mend = f'python -m pip install --upgrade "{requirement.name}{wanted}"'
                yield Finding("packages", requirement.name, f"{here}, and {wanted} is needed", "bad", mend)
            else:
                yield Finding("packages", requirement.name, here)
        elif requirement.name != "pretrained" and _installed(requirement.name) is None:
            for extra in _extras():
                if extra not in _NOT_FOR_USERS and requirement.marker.evaluate({"extra": extra}):
                    extras.setdefault(extra, []).append(requirement.name)
    for extra, missing in extras.items():
        mend = f'python -m pip install "pretrained[{extra}]"'
        yield Finding("packages", f"extra {extra}", f"without {', '.join(missing)}", "note", mend)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _extras() -> list[str]:
    from importlib.metadata import metadata

    return metadata("pretrained").get_all("Provides-Extra") or []


# -- torch --------------------------------


def torch_facts() -> Iterator[Finding]:
    """torch, its threads and its devices; imports torch."""
    try:
        import torch
    except Exception as error:  # a torch of another system fails in ways of its own
        mend = "python -m pip install --force-reinstall torch"
        yield Finding("torch", "torch", f"cannot be imported: {error}", "bad", mend)
        return
    yield Finding("torch", "torch", f"{torch.__version__}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    limit = os.environ.get("OMP_NUM_THREADS")
    said = f"{threads} on {cores} cores" + (f" (OMP_NUM_THREADS={limit})" if limit else "")
    yield Finding("torch", "threads", said, "note" if threads > cores else "ok")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            yield Finding("torch", f"GPU {index}", f"{facts.name}, {messages.size(facts.total_memory)}")
    elif torch.backends.mps.is_available():
        yield Finding("torch", "GPU", "Apple's, by mps")
    elif os.path.exists("/dev/nvidia0") or shutil.which("nvidia-smi"):
        built = torch.version.cuda
        reach = f"this torch, for CUDA {built}, does not reach it" if built else "this torch is for CPUs"
        said = f"there is one of NVIDIA, and {reach}"
        mend = "update NVIDIA's driver" if built else "install a torch for CUDA: https://pytorch.org/get-started"
        yield Finding("torch", "GPU", said, "note", mend)
    else:
        yield Finding("torch", "GPU", "none; models run on the CPU")


# -- caches --------------------------------


def _caches() -> Iterator[Finding]:
    written = cache.writable_folder()
    for folder in dict.fromkeys((*cache.cache_folders(), written)):
        yield _cache(folder, is_written=folder.absolute() == written)
    for what, folder in older_caches.folders():
        yield Finding("caches", what, str(folder))
    yield _space(written)


def _cache(folder: Path, *, is_written: bool) -> Finding:
    what = "cache for downloads" if is_written else "cache"
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            return Finding("caches", what, f"{folder} is no folder", "bad", messages.remove(folder))
        if is_written and not os.access(_existing(folder), os.W_OK):
            said = f"{folder} is not there, and {_existing(folder)} may not be written to"
            return Finding("caches", what, said, "bad", "export HF_HUB_CACHE=/a/folder/of/yours")
        return Finding("caches", what, f"{folder} (not there yet)")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding("caches", what, f"{folder} may not be read", "bad", f"chmod u+rx {folder}")
    stored = cache.stored([folder])
    said = f"{folder}: {messages.count(len(stored), 'model')}"
    closed = [name for name, path in stored.items() if not os.access(path, os.R_OK | os.X_OK)]
    if closed:
        mend = f"chmod -R u+rX {folder}"
        return Finding("caches", what, f"{said}; may not be read: {messages.listing(closed)}", "bad", mend)
    unfinished = sum(len(cache.unfinished(path)) for path in stored.values())
    if unfinished:
        return Finding("caches", what, f"{said}, {unfinished} unfinished downloads", "note", "pretrained cache prune")
    if is_written and not os.access(folder, os.W_OK):
        mend = "for downloads: export HF_HUB_CACHE=/a/folder/of/yours"
        return Finding("caches", what, f"{said}; may only be read", "note", mend)
    return Finding("caches", what, said)


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    little = free < _LITTLE_SPACE
    mend = "pretrained cache prune, or HF_HUB_CACHE on another disk" if little else ""
    return Finding("caches", "free space", f"{messages.size(free)} for {folder}", "note" if little else "ok", mend)


def _existing(folder: Path) -> Path:
    while not os.path.isdir(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


# -- the network, as it is set up --------------------------------


def _network_settings() -> Iterator[Finding]:
    from pretrained.hub.download.endpoints import configuration_file, endpoints
    from pretrained.hub.download.http import tls_context
    from pretrained.hub.download.trouble import Trouble

    if variable := options.offline():
        said = f"{variable}={os.environ[variable]}: nothing is ever fetched"
        yield Finding("network", "offline", said, "note", f"to fetch: unset {variable}")
    try:
        servers = endpoints()
        yield Finding("network", "endpoints", ", ".join(server.url for server in servers))
    except ConfigurationError as error:
        yield Finding("network", "endpoints", str(error).partition("\n")[0], "bad", _to_do(str(error)))
    if os.path.isfile(configuration_file()):
        yield Finding("network", "configuration", str(configuration_file()))
    yield from _proxies()
    named = [f"{name}={os.environ[name]}" for name in _CERTIFICATES if os.environ.get(name)]
    try:
        tls_context()
        yield Finding("network", "certificates", named[0] if named else "those of the system")
    except Trouble as trouble:
        variable = named[0].partition("=")[0]
        yield Finding("network", "certificates", str(trouble), "bad", f"name the right file, or unset {variable}")
    if lock := os.environ.get("PRETRAINED_LOCK"):
        there = os.path.isfile(lock)
        said = f"PRETRAINED_LOCK={lock}{'' if there else ', which is not there'}"
        yield Finding("network", "lock", said, "note" if there else "bad", "" if there else "unset PRETRAINED_LOCK")


_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _proxies() -> Iterator[Finding]:
    from urllib.request import getproxies

    found = {kind: named for kind, named in getproxies().items() if kind in ("http", "https", "all")}
    if not found:
        yield Finding("network", "proxies", "none")
    for kind, named in sorted(found.items()):
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        shown = (
            f"{proxy.scheme}://{'…@' if proxy.username else ''}{proxy.hostname}{f':{proxy.port}' if proxy.port else ''}"
        )
        spoken = proxy.scheme == "http"
        mend = "" if spoken else f"export {kind.upper()}_PROXY=http://HOST:PORT"
        state = "ok" if spoken else "bad"
        said = shown if spoken else f"{shown} is of a kind that is not spoken here"
        yield Finding("network", f"proxy for {kind}", said, state, mend)
    if found and (without := os.environ.get("NO_PROXY") or os.environ.get("no_proxy")):
        yield Finding("network", "without proxy", without)


def network() -> Iterator[Finding]:
    """Whether each configured server answers; asks the network."""
    import time

    from pretrained.hub.download.endpoints import endpoints
    from pretrained.hub.download.http import Client
    from pretrained.hub.download.trouble import Trouble

    try:
        servers = endpoints()
    except ConfigurationError:
        return  # said already
    with Client(agent="pretrained-doctor", stall=_TIMEOUT) as client:
        for server in servers:
            begin = time.monotonic()
            try:
                with client.ask(f"{server.url}/api/models/google-bert/bert-base-uncased", follow=False) as reply:
                    said = f"answers {reply.status} in {time.monotonic() - begin:.2f} s"
                    page = reply.is_page or reply.status >= 500
                state, mend = (
                    ("bad", "it does not speak the hub's protocol; name another: --endpoint URL")
                    if page
                    else ("ok", "")
                )
                yield Finding("network", server.url, f"{said}, with a web page" if page else said, state, mend)
            except Trouble as trouble:
                yield Finding("network", server.url, str(trouble), "bad", _MENDS.get(trouble.kind, _MENDS[""]))


_MENDS = {
    "certificate": "export SSL_CERT_FILE=/path/to/company.pem",
    "proxy": "export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, or NO_PROXY=HOST",
    "": "check the network, or name a server that is reached: export PRETRAINED_ENDPOINTS=http://HOST:PORT",
}


def _to_do(message: str) -> str:
    return message.partition("To do: ")[2].strip()
