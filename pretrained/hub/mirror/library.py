"""What can be given for a question: from the caches of this machine, or from the upstream?

With an upstream, its list counts, as it knows where a branch stands today; files that are here come from here. Where it
does not answer, or does not know the model, the caches do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub import catalogue
from pretrained.hub.download.listing import Listing, RemoteFile
from pretrained.hub.download.trouble import Trouble
from pretrained.hub.mirror.pull import Pull
from pretrained.hub.mirror.shelf import COMMIT, Shelf, Shelved
from pretrained.hub.mirror.upstream import Upstream

_NOT_THERE = ("unknown_name", "unknown_revision", "token", "missing")  # the upstream answered, and has it not


class Refused(Exception):
    """An answer that is none: the status, the code of the hub's protocol for it, and a sentence."""

    def __init__(self, status: int, code: str, message: str, *, commit: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.commit = commit
        """The commit that was looked into, where only a file is missing."""


@dataclass(frozen=True)
class Listed:
    """The files of one model in one revision."""

    name: str
    commit: str
    files: Mapping[str, RemoteFile]


@dataclass(frozen=True)
class Given:
    """One file: here, or on its way."""

    commit: str
    file: RemoteFile
    path: Path | None
    listing: Listing | None = None


class Library:
    """Everything that the mirror knows of."""

    def __init__(self, shelf: Shelf, upstream: Upstream | None) -> None:
        self.shelf = shelf
        self.upstream = upstream

    def listed(self, name: str, revision: str) -> Listed:
        """The list of files. Raises Refused."""
        listing, trouble = self._asked(name, revision)
        if listing is not None:
            return Listed(listing.repository, listing.commit, listing.files)
        shelved = self._shelved(name, revision, trouble)
        known = catalogue.short_name(name)
        return Listed(known.hub_id if known else name, shelved.commit, shelved.files)

    def file(self, name: str, revision: str, member: str) -> Given:
        """One file. Raises Refused."""
        if COMMIT.fullmatch(revision) and (shelved := self.shelf.find(name, revision)) and member in shelved.paths:
            return Given(shelved.commit, shelved.files[member], shelved.paths[member])
        listing, trouble = self._asked(name, revision)
        if listing is None:
            shelved = self._shelved(name, revision, trouble)
            if member not in shelved.files:
                raise self._no_file(shelved.commit, name, member, trouble)
            return Given(shelved.commit, shelved.files[member], shelved.paths[member])
        if member not in listing.files:
            raise self._no_file(listing.commit, name, member, None)
        file = listing.files[member]
        here = self.shelf.find(name, listing.commit)
        path = here.paths.get(member) if here is not None and here.files.get(member) == file else None
        return Given(listing.commit, file, path or self.shelf.blob(name, file), listing)

    def pull(self, given: Given) -> Pull:
        """A file that is not here, on its way."""
        if self.upstream is None or given.listing is None:
            raise Refused(404, "EntryNotFound", "the file is not here")
        return self.upstream.pull(given.listing, given.file.name)

    def may_resume(self, given: Given) -> bool:
        return self.upstream is None or self.upstream.may_resume(given.file.etag)

    def used(self, name: str) -> None:
        if self.upstream is not None:
            self.upstream.room.used(self.upstream.repository(name))

    def _asked(self, name: str, revision: str) -> tuple[Listing | None, Trouble | None]:
        if self.upstream is None:
            return None, None
        try:
            return self.upstream.listing(name, revision), None
        except Trouble as trouble:
            return None, trouble

    def _shelved(self, name: str, revision: str, trouble: Trouble | None) -> Shelved:
        shelved = self.shelf.find(name, revision)
        if shelved is not None:
            return shelved
        known = self.shelf.knows(name)
        if trouble is not None and trouble.kind == "gated":
            raise Refused(403, "GatedRepo", f"the upstream gives {name} only to people who accepted its conditions")
        if trouble is not None and trouble.kind not in _NOT_THERE:
            raise Refused(502, "", f"{name} is not here, and of the upstream: {trouble}")
        if known or (trouble is not None and trouble.kind == "unknown_revision"):
            raise Refused(404, "RevisionNotFound", f"{name} is here, and not in the revision {revision}")
        raise Refused(404, "RepoNotFound", f"there is no {name} in this mirror{' or its upstream' if trouble else ''}")

    @staticmethod
    def _no_file(commit: str, name: str, member: str, trouble: Trouble | None) -> Refused:
        if trouble is not None and trouble.kind not in _NOT_THERE:
            return Refused(502, "", f"{member} of {name} is not here, and of the upstream: {trouble}")
        return Refused(404, "EntryNotFound", f"{name} has no {member} in {commit[:12]}", commit=commit)
