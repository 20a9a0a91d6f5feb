"""`pretrained doctor`: is this machine fit, and what becomes of a name here?"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.show import one_line, print_json, print_line, print_table
from pretrained.errors import ModelNotFoundError, PretrainedError
from pretrained.quiet import quiet

if TYPE_CHECKING:
    from pretrained.hub import ModelFiles
    from pretrained.hub.doctor import Finding


def doctor(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="Any name of a model, to be explained.")
    ] = None,
    *,
    network: Annotated[bool, typer.Option("--network", help="Also ask every configured server.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for other programs.")] = False,
) -> None:
    """Look at what loading and fetching models needs: Python, packages, torch, caches, disk, proxies, certificates.

    For a NAME: every place that is looked at, what is there, what would be loaded and why, what is missing, and the
    command that mends it. The network is only asked with --network. Exit code 1 when something is wrong.

    [bold]Examples[/bold]

    pretrained doctor

    pretrained doctor --network

    pretrained doctor bert-base-uncased
    """
    from pretrained.hub import doctor as examine

    findings = [*examine.machine(), *examine.torch_facts()]
    if network:
        findings += examine.network()
    story = _story(name) if name is not None else None
    bad = [finding for finding in findings if finding.state == "bad"]
    if as_json:
        facts: dict[str, Any] = {"ok": not bad and (story is None or story["ok"])}
        print_json(facts | {"findings": [asdict(finding) for finding in findings], "model": story})
    else:
        _show(findings)
        if story is not None:
            print_line()
            _show_story(story)
        print_line()
        print_line(_verdict(len(bad), story))
    if bad or (story is not None and not story["ok"]):
        raise typer.Exit(1)


# -- the story of one name --------------------------------


def _story(name: str) -> dict[str, Any]:
    """Everything about a name. What cannot be loaded is told as the error that loading raises."""
    from pretrained.hub.whereabouts import kind, whereabouts

    story: dict[str, Any] = {"name": name, "kind": None, "places": [], "used": None, "parts": [], "ok": False}
    try:
        story["kind"] = kind(name)
    except ModelNotFoundError as error:
        story["parts"] = [_failed("name", error, name)]
        return story | {"mend": story["parts"][0]["mend"]}
    story["places"] = [asdict(place) for place in whereabouts(name)]
    with quiet():
        story["parts"] = [*_parts(name, story)]
    failed = [part for part in story["parts"] if not part["ok"]]
    return story | {"ok": not failed, "mend": failed[0]["mend"] if failed else None}


def _parts(name: str, story: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from pretrained.hub import resolve

    try:
        files = resolve(name, local_files_only=True)
    except (PretrainedError, OSError) as error:
        yield _failed("files", error, name)
        return
    story["used"] = {"kind": files.kind, "folder": str(files.root), "revision": files.revision}
    for part, look in (("configuration", _configuration), ("tokenizer", _tokenizer), ("weights", _weights)):
        try:
            yield {"part": part, "ok": True, **look(files)}
        except (PretrainedError, OSError) as error:
            yield _failed(part, error, name)
    story["used"]["notes"] = list(files.notes)


def _configuration(files: "ModelFiles") -> dict[str, Any]:
    from pretrained.choice import choose_family

    chosen = choose_family(files)
    path = files.get("config.json")
    return {
        "files": [path.name] if path else [],
        "said": f"the family is {chosen.family.model_type}",
        "why": chosen.reason,
    }


def _tokenizer(files: "ModelFiles") -> dict[str, Any]:
    from pretrained.auto import AutoTokenizer
    from pretrained.choice import choose_tokenizer
    from pretrained.hub.names import PUBLISHED_SIDE_FILES, claim

    before = len(files.notes)
    choose_tokenizer(files)
    why = "; ".join(note.partition(": ")[2] or note for note in files.notes[before:])
    tokenizer = AutoTokenizer.from_pretrained(files.name, local_files_only=True)
    named = [name for name in PUBLISHED_SIDE_FILES if claim(name).role == "tokenizer"]
    found = [path.name for name in named if (path := files.get(name)) is not None]
    return {"files": found, "said": f"{type(tokenizer).__name__}, {len(tokenizer):,} tokens", "why": why}


def _weights(files: "ModelFiles") -> dict[str, Any]:
    from pretrained.hub.messages import size

    before = len(files.notes)
    found = files.weights()
    total = sum(path.stat().st_size for path in found.paths)
    return {
        "files": [path.name for path in found.paths],
        "said": f"{found.format}, {size(total)}",
        "why": "; ".join(files.notes[before:]),
    }


def _failed(part: str, error: Exception, name: str) -> dict[str, Any]:
    """What is wrong with a part, and the first command that its error names."""
    from pretrained.hub.options import offline
    from pretrained.hub.reference import parse

    problem, _, rest = str(error).partition("\n")
    mend = next((line.strip() for line in rest.partition("To do:")[2].splitlines() if line.strip()), "")
    fetched = mend.startswith("pretrained download") or (part == "files" and "pretrained download" in rest)
    if fetched and parse(name).kind in ("name", "hub"):
        again = " --refresh" if mend.endswith("--refresh") else ""
        mend = f"pretrained needs {name}" if offline() else f"pretrained download {name}{again}"
    return {"part": part, "ok": False, "files": [], "said": problem, "why": "", "mend": mend}


# -- for people --------------------------------


def _show(findings: "list[Finding]") -> None:
    rows, section = [], ""
    for finding in findings:
        mark = {"ok": "", "note": "note", "bad": "WRONG"}[finding.state]
        head = finding.section if finding.section != section else ""
        section = finding.section
        rows.append((head, finding.what, mark, one_line(finding.said)))
        if finding.mend:
            rows.append(("", "", "", f"  to do: {one_line(finding.mend)}"))
    print_table(("", "what", "", "found"), rows)


def _show_story(story: dict[str, Any]) -> None:
    places = [(one_line(place["place"]), one_line(place["found"] or "nothing")) for place in story["places"]]
    print_table(("looked in, in this order", "found"), places, title=f"{story['name']}: {story['kind'] or 'no name'}")
    print_line()
    if story["used"]:
        used = story["used"]
        revision = f", revision {used['revision'][:12]}" if used["revision"] else ""
        print_line(f"used: the {used['kind']} {used['folder']}{revision}")
        for note in used["notes"]:
            print_line(f"  {one_line(note)}")
        print_line()
    rows = []
    for part in story["parts"]:
        rows.append((part["part"], "" if part["ok"] else "WRONG", one_line(part["said"]), ", ".join(part["files"])))
        if part["ok"] and part["why"]:
            rows.append(("", "", f"  because {one_line(part['why'])}", ""))
        if not part["ok"] and part["mend"]:
            rows.append(("", "", f"  to do: {one_line(part['mend'])}", ""))
    print_table(("would be loaded", "", "what", "from"), rows)


def _verdict(bad: int, story: dict[str, Any] | None) -> str:
    lines = []
    if story is not None:
        lines.append(
            f"{story['name']} would be loaded" if story["ok"] else f"{story['name']} would not be loaded whole"
        )
        if story["mend"]:
            lines.append(f"this mends it: {story['mend']}")
    lines.append("the machine is fine" if not bad else f"{bad} {'thing is' if bad == 1 else 'things are'} wrong here")
    return "\n".join(lines)
