"""What does a JSON file say, when people have edited it by hand?

Accepted beyond the standard: a byte order mark, UTF-16, and a comma before a closing bracket.
"""

import json
import re
from typing import Any

# A string (closed, or running to the end), or a comma that only blanks part from a closing bracket. Strings are
# matched so that commas inside them survive; every quote begins a match, so the scan stays linear.
_STRING_OR_LAST_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=\s*+[}\]])', re.S)


def parse_json(data: bytes) -> Any:
    """The value of a JSON document. ValueError, with line and column where there is one, when it is none."""
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise ValueError(f"not text: {error}") from None
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        repaired = _STRING_OR_LAST_COMMA.sub(lambda match: match[0] if match[0][0] == '"' else "", text)
        if repaired == text:
            raise
        try:
            return json.loads(repaired)
        except (ValueError, RecursionError):
            raise error from None


def what_is_wrong(error: ValueError) -> str:
    """The place and the line that break a JSON document, in words."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    line = error.doc.splitlines()[error.lineno - 1 : error.lineno]
    shown = f": {line[0].strip()[:80]}" if line else ""
    return f"{error.msg} in line {error.lineno}, column {error.colno}{shown}"
