"""Are all the files there that are read together with this one?

A TensorFlow checkpoint is an index with its data files; OpenAI's GPT is a list of shapes with ten arrays.
"""

import re
from collections.abc import Sequence

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsupportedFormatError
from pretrained.hub import messages
from pretrained.hub.folder import Place
from pretrained.hub.names import (
    NUMPY_SHAPES,
    TF_GRAPH,
    WEIGHTS_EXPECTED,
    claim,
    data_count,
    data_files,
    plain,
    whole,
)
from pretrained.hub.sniff import sniff_damage

NUMPY_PARTS = tuple(f"params_{number}.npy" for number in range(10))
_NUMPY_NAMES = "parameters_names.json"  # what OpenAI put beside them
_STATE = "checkpoint"  # the file in which TensorFlow writes which of its checkpoints is the latest
_STATE_BYTES = 1_000_000
_SHOWN = 20  # of the missing files; a name may claim that there are 99,999
_LATEST = re.compile(r'^\s*model_checkpoint_path:\s*"(?:[^"\n]*[/\\])?([^"/\\\n]+)"', re.M)


def data_of(place: Place, index: str) -> Sequence[str]:
    """The data files of a checkpoint. Raises where some are missing, or are no data."""
    if not index.lower().endswith(".index") and (published := plain(index)).lower().endswith(".index"):
        raise ModelFileNotFoundError(
            place.message(
                f"{index} is the index of a TensorFlow checkpoint, whose files are found by their names.",
                to_do=messages.move(place.folder.path / index, place.folder.path / published),
            )
        )
    if not index.lower().endswith(".index"):
        raise UnsupportedFormatError(
            place.message(
                f"{index} is a TensorFlow checkpoint in one file, the layout before TensorFlow 0.12; it is not read.",
                expected=WEIGHTS_EXPECTED,
                to_do=place.bring(["model.safetensors"]),
            )
        )
    stem = index[: -len(".index")]
    here = {name for name in place.folder.files if name.startswith(f"{stem}.") and data_count(name)}
    if not here:
        raise _incomplete(place, f"{index} has no data files", [f"{stem}.data-00000-of-00001"], like=f"{stem}.data-")
    sets = [data_files(stem, count) for count in {data_count(name) for name in here}]
    names = min(sets, key=lambda names: len(set(names) - here))
    missing = [name for name in names if name not in here]
    if missing:
        raise _incomplete(place, f"{index} has {messages.count(len(names), 'data file')}", missing)
    for name in names:
        place.refuse_link_outside(name)
        _refuse_damage(place, name, may_be_empty=len(names) > 1)
    return names


def arrays_of(place: Place) -> Sequence[str]:
    """GPT's ten arrays. Raises where one is missing, or is no array."""
    missing = [name for name in NUMPY_PARTS if name not in place.folder]
    if missing:
        raise _incomplete(place, f"{NUMPY_SHAPES} goes with {len(NUMPY_PARTS)} arrays", missing)
    for name in NUMPY_PARTS:
        place.refuse_link_outside(name)
        _refuse_damage(place, name)
        content = place.folder.sniff(name)
        if content.kind != "numpy":
            raise CorruptFileError(
                place.message(f"{name} should hold a NumPy array, and holds {content}.", to_do=place.bring_again(name))
            )
    return (*NUMPY_PARTS, _NUMPY_NAMES) if _NUMPY_NAMES in place.folder else NUMPY_PARTS


def latest(place: Place, indexes: Sequence[str]) -> tuple[str, str] | None:
    """The one of several checkpoints that TensorFlow's own note calls the latest, with what speaks for it."""
    if _STATE not in place.folder or place.folder.size(_STATE) > _STATE_BYTES:
        return None
    try:
        text = (place.folder.path / _STATE).read_bytes().decode(errors="replace")
    except OSError:
        return None
    named = _LATEST.search(text)
    if named is None or f"{named[1]}.index" not in indexes:
        return None
    return f"{named[1]}.index", f"of {len(indexes)} checkpoints {named[1]} is read, the latest as {_STATE} says"


def without_whole(place: Place, part: str) -> ModelFileNotFoundError:
    """The error for parts whose index (or list of shapes) is not there."""
    problem = f"{part} cannot be read alone"
    if (detail := claim(part).detail) == TF_GRAPH:
        problem = f"{part} is {detail}"
    return _incomplete(place, problem, [whole(part)], like=whole(part))


def _incomplete(place: Place, problem: str, missing: Sequence[str], like: str = "") -> ModelFileNotFoundError:
    shown = missing[:_SHOWN]
    wanted = tuple(name.lower() for name in (*shown, *([like] if like else [])))
    near = [
        name
        for name in place.folder.files
        if name not in shown and (claim(name).published or name).lower().startswith(wanted)
    ]
    near += [f"{name}, a broken link" for name in shown if name in place.folder.broken_links]
    to_do = place.bring(shown)
    if len(near) == len(missing) == 1 and plain(near[0]).lower() == missing[0].lower():
        to_do = messages.move(place.folder.path / near[0], place.folder.path / missing[0])
    return ModelFileNotFoundError(
        place.message(
            f"{problem}, and {messages.listing(missing)} {'are' if len(missing) > 1 else 'is'} missing.",
            expected=WEIGHTS_EXPECTED,
            closest=messages.listing(near) if near else "",
            to_do=to_do,
        )
    )


def _refuse_damage(place: Place, name: str, *, may_be_empty: bool = False) -> None:
    """Only what is clearly no data; a data file has no head by which it could be told."""
    damage = sniff_damage(place.folder.path / name)
    if damage is not None and not (damage.kind == "empty" and may_be_empty):
        raise place.damaged(name, damage)
