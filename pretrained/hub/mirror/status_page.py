"""What does the mirror show to a browser? One page without anything from elsewhere."""

import html
import time
from collections.abc import Iterable, Sequence
from typing import Any

from pretrained.hub import messages
from pretrained.hub.catalogue import hub_ids
from pretrained.hub.mirror.library import Library
from pretrained.hub.mirror.room import size_of
from pretrained.hub.mirror.statistics import Statistics

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:.5em 0 2em}th,td{text-align:left;padding:.3em .8em .3em 0;"
    "border-bottom:1px solid #ddd}td.n,th.n{text-align:right}code{background:#f3f3f3;padding:.1em .3em}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}"
    "code{background:#2a2a2a}}"
)
_SHOWN = 500  # rows


def facts(library: Library, statistics: Statistics) -> dict[str, Any]:
    """Everything on the page, for other programs."""
    upstream = library.upstream
    return {
        "since": statistics.began,
        "requests": statistics.requests,
        "sent": statistics.sent,
        "pulled": statistics.pulled,
        "upstream": upstream.endpoint.url if upstream else None,
        "max_size": upstream.room.limit if upstream else None,
        "models": [
            {"name": name, "size": size_of(folder), "hits": sum(statistics.hits[also] for also in hub_ids(name))}
            for name, folder in sorted(library.shelf.names().items())
        ],
        "clients": [{"address": client, "requests": count} for client, count in statistics.clients.most_common()],
        "on_their_way": [
            {"model": model, "file": file, "here": here, "size": size}
            for model, file, here, size in (upstream.on_their_way() if upstream else ())
        ],
    }


def page(found: dict[str, Any], host: str) -> bytes:
    """The page, in HTML; `host` is what the browser asked for."""
    models, clients, coming = found["models"], found["clients"], found["on_their_way"]
    minutes = int(time.time() - found["since"]) // 60
    total = messages.size(sum(model["size"] for model in models))
    limit = f", at most {messages.size(found['max_size'])}" if found["max_size"] else ""
    upstream = found["upstream"]
    upstream = f"<p>What is not here comes from {html.escape(upstream)}{limit}.</p>" if upstream else ""
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>pretrained mirror</title>',
        f"<style>{_STYLE}</style></head><body><h1>pretrained mirror</h1>",
        f"<p>{messages.count(len(models), 'model')}, {total}. In {minutes} minutes: {found['requests']:,} requests, "
        f"{messages.size(found['sent'])} given, {messages.size(found['pulled'])} fetched.</p>{upstream}",
        f"<p>On another machine: <code>HF_ENDPOINT=http://{html.escape(host)}</code></p>",
        _table(
            "Models",
            ("model", "size", "files given"),
            ((model["name"], messages.size(model["size"]), f"{model['hits']:,}") for model in models),
        ),
    ]
    if coming:
        percent = (100 * one["here"] // max(1, one["size"]) for one in coming)
        rows = [(one["model"], one["file"], f"{part} %") for one, part in zip(coming, percent, strict=True)]
        parts.append(_table("On their way", ("model", "file", "here"), rows))
    asked = [(client["address"], f"{client['requests']:,}") for client in clients]
    parts.append(_table("Clients", ("address", "requests"), asked))
    return "".join((*parts, "</body></html>\n")).encode()


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th{_right(index)}>{html.escape(column)}</th>" for index, column in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(f"<td{_right(index)}>{html.escape(cell)}</td>" for index, cell in enumerate(row)) + "</tr>"
        for row in list(rows)[:_SHOWN]
    )
    return f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _right(index: int) -> str:
    return ' class="n"' if index else ""
