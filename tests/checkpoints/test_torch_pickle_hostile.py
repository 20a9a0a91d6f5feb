"""Do hostile checkpoints run nothing, read nothing outside their bytes, and cost no more than their size?"""

import contextlib
import os
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints import Checkpoint
from pretrained.errors import CorruptFileError, PretrainedError, UnsafeFileError, UnsupportedFormatError

Opener = Callable[[Path], Checkpoint]
Writer = Callable[..., Path]
Pickled = Callable[..., bytes]


class Reduced:
    """Pickles as the call of a function."""

    def __init__(self, function: object, *args: object, state: object = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def attacks(canary: Path) -> dict[str, object]:
    """Objects that touch the canary when pickle.loads makes them."""
    command = f"open({str(canary)!r}, 'w').close()"
    run = Reduced(exec, command)
    return {
        "system": Reduced(os.system, f"touch '{canary}'"),
        "exec": run,
        "eval": Reduced(eval, f"exec({command!r})"),
        "nested": Reduced(list, (run,)),
        "function from a call": Reduced(Path(canary).touch),
        "in a list": [1, [run]],
        "in a key": {(1, run): 2},
        "in the state": Reduced(Exception, state={"a": run}),
        "in a tensor": Reduced(torch._utils._rebuild_tensor_v2, run, 0, (2,), (1,), False, {}),
        "in a shape": Reduced(torch._utils._rebuild_tensor_v2, 0, 0, (run,), (1,), False, {}),
        "in a parameter": Reduced(torch._utils._rebuild_parameter, run, False, {}),
    }  # fmt: skip


names = pytest.mark.parametrize("name", sorted(attacks(Path("x"))))
layouts = pytest.mark.parametrize("layout", ["zip", "legacy"])


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def write(layout: str, write_zip: Writer, write_legacy: Writer) -> Writer:
    return write_zip if layout == "zip" else write_legacy


@names
def test_the_attacks_would_work(name: str, canary: Path) -> None:
    content = pickle.dumps({"w": attacks(canary)[name]}, 2)
    with contextlib.suppress(TypeError, AttributeError, RuntimeError):  # tensors fail after the damage is done
        pickle.loads(content)
    assert canary.exists()


@layouts
@names
def test_nothing_runs_where_a_tensor_is_needed(
    name: str, layout: str, canary: Path, write: Writer, pickled: Pickled, open_file: Opener
) -> None:
    path = write(pickled({"w": attacks(canary)[name]}))
    with pytest.raises(PretrainedError) as error:
        open_file(path).tensor("w")
    assert not canary.exists()
    assert str(path) in str(error.value)
    if name != "in a list" and name != "in a key":
        assert isinstance(error.value, UnsafeFileError)


@layouts
@pytest.mark.parametrize(
    ("name", "words"),
    [("system", r"(posix|nt)\.system"), ("exec", r"builtin.*\.exec"), ("function from a call", "getattr")],
)
def test_the_object_is_named(
    name: str, words: str, layout: str, canary: Path, write: Writer, pickled: Pickled, open_file: Opener
) -> None:
    for value in (attacks(canary)[name], {"w": attacks(canary)[name]}):
        with pytest.raises(UnsafeFileError, match=words):
            open_file(write(pickled(value)))
    assert not canary.exists()


@layouts
@names
def test_nothing_runs_beside_good_tensors(
    name: str, layout: str, canary: Path, write: Writer, pickled: Pickled, fake: type, open_file: Opener
) -> None:
    raw = struct.pack("<2f", 1, 2)
    storage = raw if layout == "zip" else (2, raw)
    path = write(pickled({"w": fake(), "extra": attacks(canary)[name]}), {"0": storage})
    if name.startswith("in a tensor") or name in ("in a shape", "in a parameter"):
        with pytest.raises(UnsafeFileError, match="'extra'") if name != "in a parameter" else contextlib.nullcontext():
            open_file(path)
    else:
        checkpoint = open_file(path)
        assert torch.equal(checkpoint.tensor("w"), torch.tensor([1.0, 2.0]))
        assert "extra" in checkpoint.notes[0]
    assert not canary.exists()


@layouts
def test_the_old_opcodes_run_nothing(layout: str, canary: Path, write: Writer, open_file: Opener) -> None:
    text = str(canary).encode()
    for content in (
        b"(S'touch " + text + b"'\niposix\nsystem\n.",  # INST
        b"(cposix\nsystem\nS'touch " + text + b"'\no.",  # OBJ
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([6 + len(text)]) + b"touch " + text + b"\x85R.",
        b"cposix\nsystem\n}b.",  # BUILD on a global
        b"cpathlib\nPosixPath\n(S'" + text + b"'\nt\x81}\x92.",  # NEWOBJ_EX
    ):
        with pytest.raises(PretrainedError):
            open_file(write(content))
    assert not canary.exists()


def test_building_on_a_function_of_the_table_changes_nothing(
    write_zip: Writer, pickled: Pickled, open_file: Opener
) -> None:
    # pickle itself would set attributes on torch's function, for the whole process.
    content = b"ctorch._utils\n_rebuild_tensor_v2\n(N}X\x05\0\0\0stainK\x01stb."
    pickle.loads(content)
    assert torch._utils._rebuild_tensor_v2.stain == 1
    del torch._utils._rebuild_tensor_v2.stain
    with pytest.raises(UnsafeFileError):
        open_file(write_zip(content))
    assert not hasattr(torch._utils._rebuild_tensor_v2, "stain")


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"shape": (3,)}, "reach number 2 of a storage of 2"),
        ({"shape": (2**40,)}, "reach number"),
        ({"shape": (2**62, 2**62), "stride": (0, 0)}, "more elements than any memory"),
        ({"shape": (10**600,), "stride": (0,)}, "more elements than any memory"),
        ({"shape": (2,), "offset": 1}, "reach number 2"),
        ({"shape": (2,), "offset": -1}, "no lists of counts"),
        ({"shape": (2,), "stride": (-1,), "offset": 1}, "no lists of counts"),
        ({"shape": (-2,)}, "no lists of counts"),
        ({"shape": (2.0,)}, "no lists of counts"),
        ({"shape": (True,)}, "no lists of counts"),
        ({"shape": 2}, "no lists of counts"),
        ({"shape": ((2,),)}, "no lists of counts"),
        ({"shape": (1,) * 40, "stride": (1,) * 40}, "no lists of counts"),
        ({"shape": (2,), "stride": (1, 1)}, "1 dimensions and 2 strides"),
        ({"shape": (2, 2), "stride": (1, 0), "count": 2}, None),
        ({"shape": (2**30,), "stride": (0,)}, "more than the file"),
        ({"shape": (2, 2), "stride": (1, 1), "count": 3}, "overlaps itself"),
        ({"shape": (2, 2, 2), "stride": (2, 1, 2), "count": 6}, "overlaps itself"),
        ({"count": 3}, "claims 12 bytes, the file holds 8"),
        ({"count": 1, "shape": (1,)}, "claims 4 bytes, the file holds 8"),
        ({"count": -2}, "its storage"),
        ({"count": 2**62}, "its storage claims"),
        ({"count": 2.0}, "an id that torch.save does not write"),
        ({"key": "1"}, "not in the file"),
        ({"key": "../data.pkl"}, "not in the file"),
        ({"key": 0}, "an id that torch.save does not write"),
        ({"storage": torch.DoubleStorage}, "claims 16 bytes"),
        ({"storage": dict}, "of type builtins.dict|of type __builtin__.dict"),
        ({"storage": "FloatStorage"}, "an id that torch.save does not write"),
        ({"id": "0"}, "an id that torch.save does not write"),
        ({"id": ("storage", torch.FloatStorage)}, "an id that torch.save does not write"),
        ({"id": ("module", torch.FloatStorage, "0", "cpu", 2)}, "an id that torch.save does not write"),
    ],
)  # fmt: skip
def test_false_claims_about_a_tensor(
    claim: dict[str, object], words: str | None, write_zip: Writer, pickled: Pickled, fake: type, open_file: Opener
) -> None:
    raw = bytes(4 * claim["count"]) if words in (None, "overlaps itself") else bytes(8)
    path = write_zip(pickled({"w": fake(**claim)}), {"0": raw})
    if words is None:
        assert torch.equal(open_file(path).tensor("w"), torch.zeros(2, 2))
        return
    with pytest.raises(PretrainedError, match=words) as error:
        open_file(path)
    assert "the tensor 'w' is refused" in str(error.value)


def test_a_persistent_id_inside_a_persistent_id(write_zip: Writer, open_file: Opener) -> None:
    content = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(" + b"X\x01\0\0\x000Q" + b"Q" * 50
    content += b"K\x00K\x02\x85K\x01\x85\x89}tRs."
    with pytest.raises(UnsafeFileError, match="'w' is refused: its storage has an id"):
        open_file(write_zip(content, {"0": bytes(8)}))


def test_a_tensor_wrapped_in_itself(write_zip: Writer, open_file: Opener) -> None:
    wrapped = b"ctorch._utils\n_rebuild_parameter\nq\x00"
    content = b"}X\x01\0\0\0w" + wrapped + b"0)" + b"q\x01\x30h\x00h\x01\x89N\x87R" * 1000 + b"s."
    with pytest.raises(PretrainedError, match=r"'w' is .*_rebuild_parameter"):
        open_file(write_zip(content, {"0": bytes(8)}))


def test_a_dict_inside_itself(write_zip: Writer, open_file: Opener) -> None:
    cycle: dict[str, object] = {}
    cycle["model"] = cycle
    with pytest.raises(PretrainedError, match="no tensors"):
        open_file(write_zip(pickle.dumps(cycle, 2)))


def test_shared_parts_are_not_walked_again_and_again(
    write_zip: Writer, pickled: Pickled, fake: type, open_file: Opener
) -> None:
    giant = [1] * 100_000
    shape = tuple(giant)
    many: dict[str, object] = {f"t{i}": fake(shape, shape) for i in range(2000)}
    rows = b"(" + b"h\x01" * 2000 + b"l"
    start = time.perf_counter()
    with pytest.raises(UnsafeFileError):
        open_file(write_zip(pickled({"w": fake(), **many}), {"0": bytes(8)}))
    # OrderedDict([giant, giant, …]) under each of the names that are searched
    items = b"ccollections\nOrderedDict\n(" + pickle.dumps(giant, 2)[2:-1].replace(b"q\x00", b"q\x01") + b"0" + rows
    content = b"}(" + b"".join(b"X\x05\0\0\0model" + items + b"tR" for _ in range(3)) + b"u."
    with pytest.raises(PretrainedError):
        open_file(write_zip(content))
    # one endless name in every entry
    content = b"}(" + b"X" + struct.pack("<I", 10**6) + b"n" * 10**6 + b"q\x01h\x01\x93q\x020"
    content += b"".join(b"X\x06\0\0\0%06d" % i + b"h\x02)R" for i in range(3000)) + b"u."
    with pytest.raises(PretrainedError):
        open_file(write_zip(content))
    assert time.perf_counter() - start < 4


def test_an_endless_tensor_name(write_zip: Writer, pickled: Pickled, fake: type, open_file: Opener) -> None:
    with pytest.raises(UnsafeFileError, match="tensor name of 100,000 characters"):
        open_file(write_zip(pickled({"n" * 100_000: fake()}), {"0": bytes(8)}))


def test_a_memo_index_or_a_length_of_gigabytes(write_zip: Writer, open_file: Opener) -> None:
    for content in (
        b"Nr\xff\xff\xff\xff.",
        b"\x8b\xff\xff\xff\x7f.",
        b"B\xff\xff\xff\xff.",
        b"\x95" + b"\xff" * 8 + b"N.",
    ):
        with pytest.raises(PretrainedError):
            open_file(write_zip(content))


@pytest.mark.parametrize("count", [-1, 3, 2**62])
def test_legacy_storages_beyond_the_file(
    count: int, write_legacy: Writer, pickled: Pickled, fake: type, open_file: Opener
) -> None:
    with pytest.raises(CorruptFileError, match="truncated"):
        open_file(write_legacy(pickled({"w": fake()}), {"0": (count, bytes(8))}))


def test_legacy_storages_that_do_not_fit_the_pickle(
    write_legacy: Writer, pickled: Pickled, fake: type, open_file: Opener
) -> None:
    with pytest.raises(UnsafeFileError, match="claims 8 bytes, the file holds 4"):
        open_file(write_legacy(pickled({"w": fake()}), {"0": (1, bytes(4))}))
    with pytest.raises(CorruptFileError, match="list of storages"):
        open_file(write_legacy(pickled({"w": fake()}), {"0": (2, bytes(8)), "1": (2, bytes(8))}))
    with pytest.raises(CorruptFileError, match="storage is not in the file"):
        open_file(write_legacy(pickled({"w": fake()})))
    content = pickled({"w": fake(), "v": fake(storage=torch.LongStorage)})
    with pytest.raises(UnsafeFileError, match="two types"):
        open_file(write_legacy(content, {"0": (2, bytes(8))}))
    with pytest.raises(UnsupportedFormatError, match="which is not read"):
        open_file(write_legacy(pickled({"w": fake(storage=torch.QInt8Storage)}), {"0": (2, bytes(8))}))


def test_a_zip_bomb(write_zip: Writer, pickled: Pickled, fake: type, open_file: Opener) -> None:
    bomb = bytes(200 << 20)
    path = write_zip(pickled({"w": fake((50 << 20,), count=50 << 20)}), {"0": bomb}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UnsafeFileError, match="would grow from"):
        open_file(path)
