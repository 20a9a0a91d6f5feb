"""How does a name become files on this machine: whom to ask, what to fetch, where to put it?"""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pretrained.errors import DownloadError, ModelNotFoundError, PretrainedError
from pretrained.hub import cache, catalogue, messages, options
from pretrained.hub.download import explain
from pretrained.hub.download.answers import Source
from pretrained.hub.download.endpoints import Endpoint, endpoints
from pretrained.hub.download.http import Client
from pretrained.hub.download.listing import Listing, RemoteFile, fetch_listing, with_hashes
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.plan import FORMATS, Needed, Plan, needed
from pretrained.hub.download.progress import Progress, Quiet
from pretrained.hub.download.store import CacheStore, FolderStore
from pretrained.hub.download.transfer import IN_RANGES_FROM, Transfer
from pretrained.hub.download.trouble import Trouble
from pretrained.hub.files import ModelFiles
from pretrained.hub.folder import Located
from pretrained.hub.reference import parse

_FILES_AT_ONCE = 4
_RANGES_AT_ONCE = 4
_SPARE = 16 << 20  # bytes that a disk should have left afterwards


@dataclass(frozen=True)
class Wish:
    """Which files of a model are wanted."""

    revision: str | None = None
    weights: bool = True
    format: str | None = None
    everything: bool = False
    subfolder: str = ""
    names: tuple[str, ...] = ()
    """These files and no others."""


@dataclass(frozen=True)
class Downloaded:
    """Where the files are, and what happened on the way."""

    folder: Path
    """The snapshot of the cache, or the folder of `to`."""
    plan: Plan
    notes: tuple[str, ...]

    def files(self, name: str, subfolder: str = "", notes: Sequence[str] = ()) -> ModelFiles:
        """The model, under the name that it was asked by."""
        in_cache = self.folder != self.plan.folder
        boundary = self.folder.parent.parent if in_cache else self.folder
        located = Located(self.folder / subfolder, boundary, revision=self.plan.commit)
        kind = "cache" if in_cache else "folder"
        return ModelFiles(located, name=name, kind=kind, notes=(*notes, *self.notes))


def download(
    name: str,
    wish: Wish = Wish(),
    *,
    to: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    refresh: bool = False,
    dry_run: bool = False,
    servers: Sequence[str] = (),
    token: str | bool | None = None,
    proxies: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
    looked: Sequence[str] = (),
    found: Sequence[str] = (),
) -> Downloaded:
    """Fetches what is not here, into the cache or into the folder `to`; what is here is not fetched again.

    `refresh` looks at the bytes of the files that are here, and replaces those that are not what the hub lists.
    `dry_run` stops after the plan. `servers` stand for the configured ones. `looked` are places on this machine that an
    error should name, `found` what is there.
    """
    progress = progress if progress is not None else Quiet()
    if wish.format is not None and wish.format not in FORMATS:
        raise ValueError(f"format {wish.format!r} is none of {', '.join(FORMATS)}")
    reference = parse(name)
    if reference.kind not in ("hub", "name"):
        raise ModelNotFoundError(f"{name} names no model of the hub. To do: write owner/name, or a short name")
    name = reference.target
    _refuse_offline(name)
    asked = endpoints(servers)
    agent, authorization = _headers(token, needed=any(endpoint.takes_token for endpoint in asked))
    patience = patience or Patience.from_environment()
    with Client(agent=agent, stall=patience.stall, proxies=proxies) as client:
        job = _Job(name, wish, client, asked, authorization, progress, patience, (looked, found))
        return job.run(to=to, cache_dir=cache_dir, refresh=refresh, dry_run=dry_run)


def _refuse_offline(name: str) -> None:
    """Raises where the environment forbids the network."""
    if variable := options.offline():
        raise DownloadError(
            f"{name} is not fetched, because {variable}={os.environ[variable]} keeps this machine offline.\n"
            f"To do: unset {variable}, or bring the files by hand: pretrained needs {name}"
        )


def _headers(token: str | bool | None, *, needed: bool) -> tuple[str, str | None]:
    """Who asks: the user agent, and the user's token as huggingface_hub finds it, where a server may get it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("pretrained")
    except PackageNotFoundError:  # a checkout that was never installed
        own = "unknown"
    agent = f"pretrained/{own}"
    if not needed:
        return agent, None
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    try:
        found = build_hf_headers(token=token, library_name="pretrained", library_version=own)
    except (OSError, ValueError) as error:
        raise DownloadError(f"the token cannot be had: {error}\nTo do: hf auth login") from error
    return found.get("user-agent", agent), found.get("authorization")


class _Job:
    def __init__(
        self,
        name: str,
        wish: Wish,
        client: Client,
        asked: Sequence[Endpoint],
        authorization: str | None,
        progress: Progress,
        patience: Patience,
        here: tuple[Sequence[str], Sequence[str]],
    ) -> None:
        self._name = name
        self._wish = wish
        self._client = client
        self._endpoints = asked
        self._authorization = authorization
        self._progress = progress
        self._patience = patience
        self._here = here
        self._checked = False
        self._notes: list[str] = []
        known = catalogue.short_name(name)
        self._repository = known.hub_id if known else name

    def run(
        self,
        *,
        to: str | os.PathLike[str] | None,
        cache_dir: str | os.PathLike[str] | None,
        refresh: bool,
        dry_run: bool,
    ) -> Downloaded:
        self._checked = refresh
        listing, served_by = self._listing()
        store: CacheStore | FolderStore
        if to is None:
            store = CacheStore(cache.writable_folder(cache_dir), self._repository, listing.commit)
        else:
            store = FolderStore(Path(os.path.expanduser(to)).absolute())
        plan = self._plan(listing, served_by, store)
        if dry_run:
            return Downloaded(store.folder, plan, tuple(self._notes))
        if plan.missing:
            self._progress.begin(plan)
            self._check_space(plan)
            self._fetch(plan, store, served_by)
        with self._disk(store.folder):
            folder = store.finish(plan.files, plan.revision)
        return Downloaded(folder, plan, tuple(self._notes))

    def _note(self, line: str) -> None:
        self._notes.append(line)
        self._progress.note(line)

    # -- what to fetch --------------------------------

    def _listing(self) -> tuple[Listing, Endpoint]:
        """The list of the first server that has the model, with hashes for what is needed."""
        wish, troubles = self._wish, []
        revision = wish.revision or "main"

        def ask(endpoint: Endpoint) -> Listing:
            token = self._authorization
            found = fetch_listing(self._client, endpoint, self._repository, revision, authorization=token)
            names = self._needed(found).names
            return with_hashes(self._client, endpoint, found, names, authorization=token)

        for endpoint in self._endpoints:
            try:
                return self._patience.repeat(lambda: ask(endpoint), first=True), endpoint  # noqa: B023
            except Trouble as trouble:
                troubles.append((endpoint, trouble))
                if len(self._endpoints) > 1:
                    self._note(f"{endpoint.url} is passed over: {trouble}")
        raise explain.no_listing(self._name, self._repository, wish.revision, troubles, *self._here)

    def _needed(self, listing: Listing) -> Needed:
        wish = self._wish
        found = needed(
            listing.files,
            weights=wish.weights,
            format=wish.format,
            everything=wish.everything or bool(wish.names),
            subfolder=wish.subfolder,
        )
        if not wish.names:
            return found
        if missing := set(wish.names) - set(found.names):
            raise Trouble("unknown_file", f"it has no {messages.listing(sorted(missing))} in {listing.commit[:12]}")
        names = tuple(name for name in found.names if name in wish.names)
        return replace(found, names=names, format=found.format if found.names[-1] in names else None)

    def _plan(self, listing: Listing, served_by: Endpoint, store: CacheStore | FolderStore) -> Plan:
        chosen = self._needed(listing)
        wish = self._wish
        if (wish.weights and wish.format and chosen.format is None) or not chosen.names:
            raise explain.nothing_needed(self._name, wish.format, wish.subfolder, chosen, listing, served_by)
        files = tuple(listing.files[name] for name in chosen.names)
        missing = tuple(file for file in files if not store.here(file, checked=self._checked))
        distinct = {file.etag: file for file in missing}
        return Plan(
            repository=self._repository,
            revision=wish.revision or "main",
            commit=listing.commit,
            endpoint=served_by.url,
            folder=store.folder,
            files=files,
            missing=missing,
            received=sum(store.received(file) for file in distinct.values()),
            format=chosen.format,
            formats=chosen.formats,
        )

    def _check_space(self, plan: Plan) -> None:
        folder = plan.folder
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if plan.to_fetch + _SPARE > free:
            raise explain.disk_full(plan.folder, plan.to_fetch, free, self._name)

    # -- fetching --------------------------------

    def _fetch(self, plan: Plan, store: CacheStore | FolderStore, served_by: Endpoint) -> None:
        """Small files side by side; then each large one, in ranges side by side."""
        begin = self._endpoints.index(served_by)
        order = (*self._endpoints[begin:], *self._endpoints[:begin])
        sources = [
            Source(self._client, endpoint, self._repository, plan.commit, authorization=self._authorization)
            for endpoint in order
        ]
        small = [file for file in plan.missing if (file.size or 0) < IN_RANGES_FROM]
        large = [file for file in plan.missing if (file.size or 0) >= IN_RANGES_FROM]
        stop = threading.Event()

        def one(file: RemoteFile) -> None:
            if not stop.is_set():
                self._one(file, store, sources)

        with self._disk(store.folder):
            store.prepare()
            with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
                try:
                    for future in [pool.submit(one, file) for file in small]:
                        future.result()
                except BaseException:
                    stop.set()
                    self._client.close()
                    raise
            for file in large:
                self._one(file, store, sources)

    def _one(self, file: RemoteFile, store: CacheStore | FolderStore, sources: Sequence[Source]) -> None:
        def waiting() -> None:
            self._note(f"{file.name}: another process downloads it; waiting")

        with store.lock(file, waiting):
            if not store.here(file, checked=self._checked):  # another process may have been first
                transfer = Transfer(
                    file,
                    store.part(file),
                    patience=self._patience,
                    connections=_RANGES_AT_ONCE,
                    report=lambda position: self._progress.at(file.name, position),
                    note=self._note,
                )
                try:
                    transfer.fetch(sources)
                except Trouble as trouble:
                    raise explain.no_file(self._name, file, sources, trouble) from trouble
                store.keep(file)
        self._progress.done(file.name)

    @contextmanager
    def _disk(self, folder: Path) -> Iterator[None]:
        """What the disk refuses, as an error that names the folder."""
        try:
            yield
        except PretrainedError:
            raise
        except OSError as error:
            raise explain.disk_refuses(folder, error, self._name) from error
