"""Why was a model not downloaded, in plain words, and which command comes next?"""

import errno
from collections.abc import Sequence
from pathlib import Path

from pretrained.errors import DownloadError, ModelNotFoundError, PretrainedError
from pretrained.hub import messages
from pretrained.hub.download.answers import Source
from pretrained.hub.download.endpoints import Endpoint
from pretrained.hub.download.listing import Listing, RemoteFile
from pretrained.hub.download.plan import Needed
from pretrained.hub.download.trouble import Trouble

# What decides, when several servers failed in different ways: the first of these.
_ORDER = (
    *("gated", "token", "unknown_revision", "certificate", "proxy", "network", "timeout", "cut", "busy"),
    *("page", "redirect", "answer", "missing", "unknown_file", "unknown_name"),
)
_MIRROR = ("page", "redirect", "size", "hash", "answer", "missing", "stale", "unknown_name", "unknown_revision")


def no_listing(
    name: str,
    repository: str,
    revision: str | None,
    troubles: Sequence[tuple[Endpoint, Trouble]],
    looked: Sequence[str],
    found: Sequence[str],
) -> PretrainedError:
    """No server gave the list of files. `looked` and `found` tell of this machine."""
    kinds = [trouble.kind for _, trouble in troubles]
    kind = next((known for known in _ORDER if known in kinds), kinds[0])
    here = "".join(f"\n  {line}" for line in found)
    endpoint = next(endpoint for endpoint, trouble in troubles if trouble.kind == kind)
    places = [*looked, *(f"{asked.url}: {trouble}" for asked, trouble in troubles)]
    if kind == "unknown_name":
        return _unknown_name(name, repository, places, here, closest=_near(name))
    if kind == "unknown_revision":
        return ModelNotFoundError(
            messages.compose(
                f'{name} has no revision "{revision}".',
                looked=places,
                found=here,
                to_do=f"name another branch, tag or commit, or none: {messages.download(name)}",
            )
        )
    if kind == "unknown_file":
        return ModelNotFoundError(
            messages.compose(
                f"{name} has not every file that was asked for.",
                looked=places,
                found=here,
                to_do=f"to see its files: {messages.download(name, revision=revision)} --all --dry-run",
            )
        )
    problem, to_do = _said(kind, name, repository, endpoint)
    closest = ", ".join(_near(name))
    return DownloadError(messages.compose(problem, looked=places, found=here, closest=closest, to_do=to_do))


def _said(kind: str, name: str, repository: str, endpoint: Endpoint) -> tuple[str, str]:
    """One sentence, and the next command, for everything but an unknown name."""
    by_hand = f"\n  or bring the files by hand: pretrained needs {name}"
    if kind == "gated":
        return (
            f"{name} is given only to people who accepted its conditions.",
            f"accept them at {endpoint.url}/{repository}, then: hf auth login",
        )
    if kind == "token":
        return f"{name} cannot be had without a token, or the token is not good for it.", "hf auth login"
    if kind == "certificate":
        return (
            f"{name} was not fetched: the connection is signed by a certificate this machine does not know, as a "
            "company's proxy does it.",
            "ask for the certificate of that proxy, and name its file: export SSL_CERT_FILE=/path/to/company.pem"
            + by_hand,
        )
    if kind == "proxy":
        return (
            f"{name} was not fetched: the proxy did not let the request through.",
            "export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, or NO_PROXY=HOST for a server that needs none"
            + by_hand,
        )
    if kind == "busy":
        return f"{name} was not fetched: {endpoint.url} is too busy.", f"later: {messages.download(name)}" + by_hand
    if kind in _MIRROR:
        return (
            f"{name} was not fetched: {endpoint.url} does not answer as the hub does, or is out of date.",
            f"ask another server: {messages.download(name)} --endpoint hub" + by_hand,
        )
    return (
        f"{name} was not fetched: no server could be reached.",
        f"check the network, or name a server that this machine reaches: {messages.download(name)} "
        "--endpoint http://HOST:PORT" + by_hand,
    )


def _unknown_name(
    name: str, repository: str, places: Sequence[str], here: str, closest: Sequence[str]
) -> ModelNotFoundError:
    to_do = (
        f"write {closest[0]}" if closest else "check the spelling; a model is written owner/name, or by its short name"
    )
    return ModelNotFoundError(
        messages.compose(
            f"no model {name!r}{f' ({repository})' if repository != name else ''}, here or on the network.",
            looked=places,
            found=here,
            closest=", ".join(closest),
            to_do=f"{to_do}; for a private model: hf auth login",
        )
    )


def _near(name: str) -> list[str]:
    from pretrained.hub import cache, catalogue
    from pretrained.hub.not_found import beside, near

    return [*beside(name), *near(name, (*catalogue.short_names(), *cache.stored(cache.cache_folders())))]


def nothing_needed(
    name: str, format: str | None, subfolder: str, chosen: Needed, listing: Listing, endpoint: Endpoint
) -> PretrainedError:
    """The model is there, and has not what was asked for."""
    if format and chosen.formats:
        return ModelNotFoundError(
            messages.compose(
                f"{name} has no weights in the format {format}.",
                looked=endpoint.url,
                found=f"weights as {', '.join(chosen.formats)}",
                to_do=f"{messages.download(name)} --format {chosen.formats[0]}",
            )
        )
    where = f" in its folder {subfolder}" if subfolder else ""
    return ModelNotFoundError(
        messages.compose(
            f"{name} has no files of a model{where} that this library reads.",
            looked=endpoint.url,
            found=messages.listing(listing.files),
            to_do=f"to have all of them: {messages.download(name)} --all" if listing.files else "name another model",
        )
    )


def no_file(name: str, file: RemoteFile, sources: Sequence[Source], trouble: Trouble) -> DownloadError:
    """One file could not be had from any server; what arrived stays, and the next try goes on there."""
    asked = [source.endpoint.url for source in sources]
    _, to_do = _said(trouble.kind, name, sources[-1].repository, sources[-1].endpoint)
    if trouble.kind in ("network", "timeout", "cut", "busy"):
        to_do = f"repeat it, which goes on where it stopped: {messages.download(name)}"
    return DownloadError(
        messages.compose(f"{file.name} of {name} did not come whole: {trouble}.", looked=asked, to_do=to_do)
    )


def disk_full(folder: Path, wanted: int, free: int, name: str) -> DownloadError:
    return DownloadError(
        messages.compose(
            f"{name} needs {messages.size(wanted)} more in {folder}, and its disk has {messages.size(free)} left.",
            to_do=f"make room there, or choose another disk: {messages.download(name, into='FOLDER')}, "
            "or set HF_HUB_CACHE",
        )
    )


def disk_refuses(folder: Path, error: OSError, name: str) -> DownloadError:
    """The operating system said no: no space, no permission, a disk that may only be read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        problem = f"{name} does not fit: the disk of {folder} is full ({error.strerror}); what arrived is kept."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        problem = f"{name} cannot be written to {error.filename or folder}: {error.strerror}."
    else:
        problem = f"{name} cannot be written to {folder}: {error}."
    return DownloadError(
        messages.compose(
            problem,
            to_do=f"make room or get leave to write there, or choose another folder: "
            f"{messages.download(name, into='FOLDER')}, or set HF_HUB_CACHE",
        )
    )
