"""Which bytes of a file does a request ask for?"""

import re
from email.message import Message

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class NotSatisfiable(Exception):
    """The range begins behind the end of the file: status 416."""


def asked_range(headers: Message, size: int, etag: str) -> tuple[int, int] | None:
    """Begin and end, the end not included; None for the whole file.

    Several ranges at once, and what is no range, are answered with the whole file, as the standard allows; so is a
    range of another version than this one (If-Range).
    """
    asked = headers.get("Range")
    if asked is None or (headers.get("If-Range") or etag) != etag:
        return None
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = int(match[2])
        if not last or not size:
            raise NotSatisfiable
        return max(0, size - last), size
    start = int(match[1])
    end = int(match[2]) + 1 if match[2] else size
    if match[2] and end <= start:
        return None
    if start >= size:
        raise NotSatisfiable
    return start, min(end, size)


def is_known(headers: Message, etag: str) -> bool:
    """Whether the client has this very version (If-None-Match): status 304."""
    asked = headers.get("If-None-Match")
    if asked is None:
        return False
    return asked.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in asked.split(",")]
