"""What does a tokenizer.json hold? It is read as JSON, several times faster than compiling it, which may follow."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pretrained.errors import CorruptFileError, ModelFileNotFoundError
from pretrained.tokenization.special_tokens import from_json


def read_pipeline(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a tokenizer.json; its `added_tokens` become id → AddedToken.

    Raises:
        CorruptFileError: it is no tokenizer.json.
    """
    if not Path(path).is_file():
        raise ModelFileNotFoundError(f"there is no file {path}")
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        content["model"]["vocab"]
        content["added_tokens"] = {int(token["id"]): from_json(token) for token in content.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(f"{path} is not a tokenizer.json: {error!r}") from error
    return content


def compile_pipeline(content: Mapping[str, Any]) -> Tokenizer:
    """The compiled pipeline of what `read_pipeline` returned, without its added tokens."""
    try:
        return Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))
    except Exception as error:  # the package raises this plain class for whatever it cannot read
        raise CorruptFileError(f"the tokenizers package does not read this tokenizer.json: {error}") from error


def part_types(content: Mapping[str, Any]) -> dict[str, str | None]:
    """The type of each part: {"model": "BPE", "pre_tokenizer": "ByteLevel", …}; parts that are null are not there."""
    return {name: part.get("type") for name, part in content.items() if isinstance(part, Mapping)}
