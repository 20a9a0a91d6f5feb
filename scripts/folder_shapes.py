#!/usr/bin/env python
"""Writes docs/folder_shapes.md from the table of tests/hub/folder_shapes.py; --check only says whether it is stale."""

import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "folder_shapes.md"
sys.path.insert(0, str(ROOT))

from pretrained.errors import PretrainedError  # noqa: E402
from pretrained.hub import ModelFiles, resolve  # noqa: E402
from tests.hub.folder_shapes import SHAPES  # noqa: E402
from tests.hub.material import Material  # noqa: E402
from tests.hub.shape import COMMIT, Shape, vocabulary  # noqa: E402

INTRODUCTION = """\
# Folder shapes

<!-- Written by scripts/folder_shapes.py from the table in tests/hub/folder_shapes.py. Do not edit by hand. -->

Any of these may be given as the name of a model: the folder, or one of its files. Files are recognised by their
published names, by the same names in another case or with a prefix, and otherwise by their content. What was decided
is kept in `ModelFiles.notes`, and `pretrained info NAME` shows it.

- Of several weights, safetensors are read before `.bin`, then `tf_model.h5`, `flax_model.msgpack`, TensorFlow's
  checkpoints and OpenAI's arrays; and one file before shards. When weights that were passed over are newer by more
  than a minute, a warning says so; in a cache, where dates mean nothing, it does not.
- A TensorFlow checkpoint may be named by its folder, its index, a data file, or the prefix of their names
  (`bert_model.ckpt`). Of several in one folder the file `checkpoint`, which TensorFlow writes, names the latest.
- The configurations of first releases are understood as they are: `bert_config.json`, `albert_config.json`,
  `xlnet_config.json`, GPT-2's `hparams.json`; GPT had none, and its sizes are read off its list of shapes.
- An index of shards may only name files of its own folder. A shard that is a link out of the folder is refused; in a
  Hugging Face cache, links may lead to the blobs of the same model. A single file that is a link is the doing of
  whoever made the folder: it is followed, and noted.
- Weights are looked at before they are read: an empty or cut off file, a git-lfs pointer, an HTML page or a server's
  refusal gives an error that says so. Only the head of a file is read for that.
- JSON may begin with a byte order mark, be in UTF-16, and have commas before closing brackets.

## What is read

"""
ERRORS = """\
Parts that are whole can still be read: a tokenizer needs no weights. Commands are shown as on Linux and macOS.

"""


def files_of(folder: Path, root: Path | None = None, without: Sequence[str] = ()) -> str:
    """The files of a folder; the blobs of a cache are left out, and its links are shown as files."""
    names = [path.relative_to(root or folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir()]
    kept = (name for name in names if "/blobs/0" not in name and name not in without)
    return ", ".join(f"`{name.replace(COMMIT, COMMIT[:7])}`" for name in kept)


def outcome(read: Callable[[], object], errors: list[str]) -> object:
    """What reading one part gives; its error is added to `errors`."""
    try:
        return read()
    except PretrainedError as error:
        text = f"{type(error).__name__}: {error}"
        if text not in errors:
            errors.append(text)
        return None


def describe(shape: Shape, folder: Path) -> tuple[list[str], list[str]]:
    """The cells of a row of the first table, and the messages of all errors."""
    folder.mkdir()
    asked = shape.build(folder, Material.tiny()) or folder
    errors: list[str] = []
    files = outcome(lambda: resolve(asked), errors)
    if not isinstance(files, ModelFiles):
        return [], errors
    read = [
        outcome(lambda: files.config() and files.get("config.json"), errors),
        outcome(lambda: files.weights().paths, errors),
        outcome(lambda: vocabulary(files), errors),
    ]
    paths = [part if isinstance(part, tuple) else (part,) if isinstance(part, Path) else () for part in read]
    names = [[path.relative_to(files.root).as_posix() for path in part] for part in paths]
    asked_for = f"<br>(named: `{asked.relative_to(folder).as_posix()}`)" if asked != folder else ""
    also = files_of(files.root, without=[name for part in names for name in part])
    told = [
        note for note in files.notes if not re.search(r" (is|are) [^ ,]*( \(1\)[^ ,]*)?(, told by its content)?$", note)
    ]
    cells = [", ".join(f"`{name}`" for name in part) or "–" for part in names]
    return [shape.name + asked_for.replace(COMMIT, COMMIT[:7]), *cells, also, "; ".join(told)], errors


def page() -> str:
    rows, sections = [], []
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, shape in enumerate(SHAPES):
            folder = Path(temporary) / str(number)
            cells, errors = describe(shape, folder)
            places = {str(folder): "/models/bert", f"`{number}/": "`bert/"}
            if not errors:
                rows.append(_replace(f"| {' | '.join(cells)} |", places))
                continue
            messages = _replace("\n\n".join(errors), places)
            sections.append(f"### {shape.name}\n\nFiles: {files_of(folder) or 'none'}\n\n```\n{messages}\n```\n")
    table = "| shape | configuration | weights | vocabulary | also there | noted |\n|---|---|---|---|---|---|\n"
    return f"{INTRODUCTION}{table}{chr(10).join(rows)}\n\n## What gives an error\n\n{ERRORS}{chr(10).join(sections)}"


def _replace(text: str, places: dict[str, str]) -> str:
    for place, shown in places.items():
        text = text.replace(place, shown)
    return text


def main() -> int:
    fresh = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == fresh:
        return 0
    sys.stderr.write("docs/folder_shapes.md is stale: run python scripts/folder_shapes.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
