"""Which files make a model, when somebody is to fetch them by hand, and where do they go?

Nothing is asked over the network: the catalogue knows the files of published names, and what other models have is
guessed by the usual names.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pretrained.errors import ModelNotFoundError
from pretrained.hub import cache, catalogue, messages
from pretrained.hub.reference import parse

WEIGHTS = {
    "safetensors": "model.safetensors",
    "bin": "pytorch_model.bin",
    "h5": "tf_model.h5",
    "msgpack": "flax_model.msgpack",
}
"""Format of weights, the preferred one first → the file's name."""

_CONFIG = "config.json"
_OF_SOME = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "README.md",
)
_OF_SENTENCES = ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json")  # how vectors are pooled
_GUESSED = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model")


@dataclass(frozen=True)
class NeededFile:
    """One file to fetch."""

    name: str
    url: str
    needed: bool
    """False for a file that not every model has: where it cannot be fetched, it is not missed."""
    size: int | None
    sha256: str | None
    """Both as far as a copy of the model in a cache of this machine tells them."""
    instead: str | None = None
    """The address of another file that serves as well."""


@dataclass(frozen=True)
class Needs:
    """What a model needs, and the folder to put it in."""

    name: str
    repository: str
    revision: str
    folder: str
    known: bool
    """Whether the files are known, or guessed."""
    files: tuple[NeededFile, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def needs(
    name: str,
    *,
    format: str | None = None,
    revision: str | None = None,
    folder: str | None = None,
    endpoint: Sequence[str] = (),
) -> Needs:
    """The files of a model. `format` chooses the weights, a key of WEIGHTS; unless given, safetensors, else bin.

    Raises:
        ModelNotFoundError: the name cannot be a model of the hub.
    """
    from pretrained.hub.download.endpoints import endpoints

    reference = parse(name)
    known = catalogue.short_name(name) or next(
        (found for other in catalogue.hub_ids(name) if (found := catalogue.short_name(other))), None
    )
    if reference.kind not in ("name", "hub") or (known is None and "/" not in reference.target):
        raise ModelNotFoundError(
            f"{name!r} is neither a short name nor owner/name, so nobody knows what it needs.\n"
            "To do: pretrained models TEXT lists the short names that contain TEXT"
        )
    repository = known.hub_id if known else reference.target
    server, commit = endpoints(endpoint)[0], revision or "main"
    copies = _copies(repository)
    formats = list(WEIGHTS) if format is None else [format]

    def file(name: str, *, needed: bool, instead: str | None = None) -> NeededFile:
        other = server.file(repository, commit, instead) if instead else None
        size, digest = copies.get(name, (None, None))
        return NeededFile(name, server.file(repository, commit, name), needed, size, digest, other)

    files = [file(_CONFIG, needed=True)]
    tokenizer = known.tokenizer_files if known else _GUESSED
    whole = [one for one in tokenizer if one != "tokenizer.json"]
    files += [file(one, needed=known is not None and (one in whole or not whole)) for one in tokenizer]
    some = _OF_SOME if known else (*_OF_SOME, *_OF_SENTENCES)
    files += [file(one, needed=False) for one in some if one not in tokenizer]
    files.append(file(WEIGHTS[formats[0]], needed=True, instead=WEIGHTS[formats[1]] if len(formats) > 1 else None))
    target = folder or repository.rpartition("/")[2]
    return Needs(name, repository, commit, target, known is not None, tuple(files))


def _copies(repository: str) -> dict[str, tuple[int, str | None]]:
    """Size, and SHA-256 where its blob is named by it, of each file that lies in a cache of this machine already."""
    for folder in cache.cache_folders():
        found = cache.snapshot(cache.repository_folder(folder, repository))
        if isinstance(found, cache.Snapshot):
            here = {path.name: (path, path.resolve().name) for path in found.path.iterdir() if path.is_file()}
            return {
                name: (path.stat().st_size, blob if re.fullmatch("[0-9a-f]{64}", blob) else None)
                for name, (path, blob) in here.items()
            }
    return {}


# -- as text and as scripts --------------------------------


def as_text(wanted: Needs) -> str:
    """For people."""
    also = f"{wanted.name} is {wanted.repository}. " if wanted.name != wanted.repository else ""
    guessed = "" if wanted.known else f"The catalogue does not know {wanted.name}; these are the usual names. "
    lines = [f"{also}{guessed}Put these files into one folder, such as {wanted.folder}:", ""]
    for one in wanted.files:
        size = f"  {messages.size(one.size)}" if one.size is not None else ""
        size += f"  SHA-256 {one.sha256}" if one.sha256 else ""
        lines.append(f"{'needed  ' if one.needed else 'if there'}  {one.name}{size}")
        lines.append(f"            {one.url}")
        if one.instead:
            lines.append(f"            or, where that is not there, {one.instead.rpartition('/')[2]}")
            lines.append(f"            {one.instead}")
    lines += ["", f'Carry the folder to the machine and name it: from_pretrained("{Path(wanted.folder).as_posix()}").']
    lines.append(f"pretrained needs {wanted.name} --script wget writes the commands (also curl, powershell).")
    return "\n".join(lines)


def as_script(wanted: Needs, kind: str) -> str:
    """A script that fetches the files into the folder: "wget", "curl" (both for sh) or "powershell"."""
    return _powershell(wanted) if kind == "powershell" else _shell(wanted, kind)


def _shell(wanted: Needs, kind: str) -> str:
    # Status 8 of wget and 22 of curl: the server answered that there is no such file. Anything else ends the script,
    # and what was fetched stays for the next run.
    command, refused = {
        "wget": ('wget --continue --tries=20 --output-document="$1.part" "$2"', 8),
        "curl": ('curl --fail --location --retry 20 --continue-at - --output "$1.part" "$2"', 22),
    }[kind]
    quoted = shlex.quote
    lines = [
        "#!/bin/sh",
        f"# Fetches {_comment(wanted.repository)} into a folder; run it again to go on where it stopped.",
        "set -e",
        f"mkdir -p -- {quoted(wanted.folder)}",
        f"cd -- {quoted(wanted.folder)}",
        "get() {",
        '  if [ -e "$1" ]; then return 0; fi',
        '  mkdir -p -- "$(dirname -- "$1")"',
        f'  {command} && mv "$1.part" "$1" && return 0',
        "  status=$?",
        f'  if [ $status -eq {refused} ]; then rm -f "$1.part"; rmdir -- "$(dirname -- "$1")" 2>/dev/null; fi',
        "  return $status",
        "}",
    ]
    for one in wanted.files:
        line = f"get {quoted(one.name)} {quoted(one.url)}"
        if one.instead:
            line += f" || {{ [ $? -eq {refused} ] && get {quoted(_last(one.instead))} {quoted(one.instead)}; }}"
        elif not one.needed:
            line += f" || [ $? -eq {refused} ]  # not every model has it"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _powershell(wanted: Needs) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    lines = [
        f"# Fetches {_comment(wanted.repository)} into a folder.",
        "$ErrorActionPreference = 'Stop'",
        "$ProgressPreference = 'SilentlyContinue'",
        f"New-Item -ItemType Directory -Force -Path {quoted(wanted.folder)} | Out-Null",
        f"Set-Location -LiteralPath {quoted(wanted.folder)}",
        "function Get-One($Name, $Url) {  # false where the server has no such file",
        "  if (Test-Path -LiteralPath $Name) { return $true }",
        "  if ($Folder = Split-Path $Name) { New-Item -ItemType Directory -Force -Path $Folder | Out-Null }",
        '  try { Invoke-WebRequest -UseBasicParsing -Uri $Url -OutFile "$Name.part" }',
        "  catch { if ([int]$_.Exception.Response.StatusCode -eq 404) { return $false } else { throw } }",
        '  Move-Item -LiteralPath "$Name.part" -Destination $Name',
        "  return $true",
        "}",
    ]
    for one in wanted.files:
        line = f"Get-One {quoted(one.name)} {quoted(one.url)}"
        if one.instead:
            line = f"if (-not ({line}) -and -not (Get-One {quoted(_last(one.instead))} {quoted(one.instead)}))"
            line += f" {{ throw 'there is no {one.name}' }}"
        elif one.needed:
            line = f"if (-not ({line})) {{ throw 'there is no {one.name}' }}"
        else:
            line += " | Out-Null  # not every model has it"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _last(url: str) -> str:
    return url.rpartition("/")[2]


def _comment(text: str) -> str:
    """A text that stays in its comment."""
    return re.sub(r"[^\w./-]", "", text)
