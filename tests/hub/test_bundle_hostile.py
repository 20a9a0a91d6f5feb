"""Are bundles that lie refused, before anything of them is used or written?"""

import os
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pretrained.errors import CorruptFileError, PretrainedError, UnsafeFileError, UnsupportedFormatError
from pretrained.hub import resolve
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.bundle_writer import unpack
from pretrained.hub.manifest import FileHash
from tests.hub.packing import FILES, bundle_of, by_zipfile, here, hostile, manifest_of, stored

__all__ = ["here"]


@pytest.fixture
def refused(here: Path, tmp_path: Path) -> Callable[..., str]:
    """Says how a bundle of these bytes is refused, and that it left nothing anywhere."""

    def run(content: bytes, *kinds: type[Exception]) -> str:
        path = here / "bad.pretrained"
        path.write_bytes(content)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(kinds or (UnsafeFileError,)) as raised:
            resolve(path)
        with pytest.raises(kinds or (UnsafeFileError,)):
            unpack(Bundle(path), here / "out")
        assert sorted(tmp_path.rglob("*")) == before
        return str(raised.value)

    return run


UNSAFE_NAMES = [
    "../evil",
    "a/../../evil",
    "/etc/evil",
    "./evil",
    "a//evil",
    "a/",
    "C:/evil",
    "C:evil",
    "a\\..\\evil",
    "\\\\host\\share\\evil",
    "evil\0.txt",
    "evil\n.txt",
    "a:stream",
    "CON",
    "con.txt",
    "a/NUL.json",
    "COM1",
    "lpt9.bin",
    "aux .txt",
    "evil.",
    "evil ",
    " evil",
    "ev|il",
    "evil?",
    "x" * 300,
    "/".join(["a"] * 600),
]


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_names_that_lead_elsewhere(name: str, refused: Callable[..., str]) -> None:
    assert "holds the name" in refused(hostile(FILES | {name: b"evil"}))


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_names_in_the_manifest_alone(name: str, refused: Callable[..., str]) -> None:
    manifest = manifest_of(FILES | {name: b"evil"}).to_bytes()
    refused(hostile(FILES, manifest=manifest), UnsafeFileError)


@pytest.mark.parametrize(
    ("first", "second"),
    [("Vocab.txt", "vocab.TXT"), ("stra\u00dfe", "STRASSE"), ("e\u0301.txt", "\u00e9.txt"), ("\ufb01.txt", "fi.txt")],
)
def test_two_names_that_are_one_file_somewhere(first: str, second: str, refused: Callable[..., str]) -> None:
    files = {name: content for name, content in FILES.items() if name != "vocab.txt"}
    assert "one file on some systems" in refused(hostile(files | {first: b"a", second: b"b"}))


def test_a_file_that_is_a_folder(refused: Callable[..., str]) -> None:
    assert "as a file and as a folder" in refused(hostile(FILES | {"a": b"x", "A/b": b"x"}))


def test_a_name_twice(refused: Callable[..., str]) -> None:
    content = hostile(FILES | {"vocab.tx_": b"evil"}).replace(b"vocab.tx_", b"vocab.txt")
    refused(content, UnsafeFileError, CorruptFileError)


def test_a_link(refused: Callable[..., str]) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        if info.filename == "vocab.txt":
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16

    assert "is a link" in refused(by_zipfile(FILES, change))


def test_a_device(refused: Callable[..., str]) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        if info.filename == "vocab.txt":
            info.create_system, info.external_attr = 3, stat.S_IFCHR << 16

    assert "special file" in refused(by_zipfile(FILES, change))


def test_a_bomb(refused: Callable[..., str]) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED if info.filename == "tokenizer.json" else zipfile.ZIP_STORED

    message = refused(by_zipfile(FILES | {"tokenizer.json": bytes(30_000_000)}, change), UnsafeFileError)
    assert "would grow" in message


def test_compressed(refused: Callable[..., str]) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED if info.filename == "vocab.txt" else zipfile.ZIP_STORED

    assert "compressed" in refused(by_zipfile(FILES, change), UnsupportedFormatError)


def central(content: bytes, name: str) -> int:
    """Where the entry of the table begins."""
    found = content.rfind(name.encode()) - 46
    assert content[found : found + 4] == b"PK\x01\x02"
    return found


def test_entries_that_overlap(refused: Callable[..., str]) -> None:
    content = bytearray(hostile(FILES | {"vocab.tx_": FILES["vocab.txt"]}))
    one, two = (central(bytes(content), name) for name in ("vocab.txt", "vocab.tx_"))
    content[two + 42 : two + 46] = content[one + 42 : one + 46]
    refused(bytes(content))


def test_a_local_header_that_tells_another_story(refused: Callable[..., str]) -> None:
    content = hostile(FILES)
    assert "local header" in refused(
        content.replace(b"vocab.txt", b"vocab.tx_", 2).replace(b"vocab.tx_", b"vocab.txt", 1)
    )
    local = content.find(b"vocab.txt", content.find(b"}\nPK\x03\x04")) - 30
    assert content[local : local + 4] == b"PK\x03\x04"
    changed = bytearray(content)
    changed[local + 22 : local + 26] = struct.pack("<I", 7)
    assert "local header" in refused(bytes(changed))


@pytest.mark.parametrize("place", ["before", "between", "after", "comment"])
def test_bytes_that_belong_to_nobody(place: str, refused: Callable[..., str], here: Path) -> None:
    content = hostile(FILES)
    hidden = b"hidden program"
    if place == "after":
        changed = content + hidden
    elif place == "comment":
        changed = content[:-2] + struct.pack("<H", len(hidden)) + hidden
    else:  # moved by as many bytes as are put in
        at = 0 if place == "before" else content.find(b"}\nPK\x03\x04") + 2
        table = content.find(b"PK\x01\x02")
        changed = bytearray(content[:at] + hidden + content[at:])
        entry = table + len(hidden)
        while changed[entry : entry + 4] == b"PK\x01\x02":
            name, extra, comment, header = (*struct.unpack_from("<3H", changed, entry + 28), entry + 42)
            (start,) = struct.unpack_from("<I", changed, header)
            struct.pack_into("<I", changed, header, start + (len(hidden) if start >= at else 0))
            entry += 46 + name + extra + comment
        struct.pack_into("<I", changed, entry + 16, table + len(hidden))
        changed = bytes(changed)
    refused(changed, UnsafeFileError, CorruptFileError)


def test_an_encrypted_entry(refused: Callable[..., str]) -> None:
    content = bytearray(hostile(FILES))
    content[central(bytes(content), "vocab.txt") + 8] |= 1
    refused(bytes(content), UnsupportedFormatError)


def test_entries_beyond_the_end(refused: Callable[..., str]) -> None:
    content = bytearray(hostile(FILES))
    at = central(bytes(content), "model.safetensors")
    content[at + 20 : at + 28] = struct.pack("<2I", 1 << 30, 1 << 30)
    refused(bytes(content), UnsafeFileError, CorruptFileError)


# -- the manifest ------------------------------


def test_files_that_the_manifest_does_not_list(refused: Callable[..., str]) -> None:
    content = hostile(FILES | {"added_tokens.json": b"{}"}, manifest=manifest_of(FILES).to_bytes())
    assert "does not list: added_tokens.json" in refused(content)


def test_files_that_only_the_manifest_lists(refused: Callable[..., str]) -> None:
    content = hostile(FILES, manifest=manifest_of(FILES | {"merges.txt": b""}).to_bytes())
    assert "lacks files" in refused(content, CorruptFileError)


def test_another_size(refused: Callable[..., str]) -> None:
    content = hostile(FILES, manifest=manifest_of(FILES | {"vocab.txt": b"x"}).to_bytes())
    assert "vocab.txt has" in refused(content, CorruptFileError)


@pytest.mark.parametrize(
    "change",
    [
        (b'"format": 1', b'"format": "1"'),
        (b'"size": ', b'"size": -'),
        (b'"size": ', b'"size": 1.'),
        (b'"sha256": "', b'"sha256": "x'),
        (b'"name": "model"', b'"name": ["model"]'),
        (b'"files": [\n   "model.safetensors"', b'"files": [\n   "pytorch_model.bin"'),
        (b"{", b"["),
    ],
)
def test_a_manifest_that_is_none(change: tuple[bytes, bytes], refused: Callable[..., str]) -> None:
    manifest = manifest_of(FILES).to_bytes()
    assert change[0] in manifest
    refused(hostile(FILES, manifest=manifest.replace(*change)), CorruptFileError)


def test_a_manifest_of_tomorrow(refused: Callable[..., str]) -> None:
    manifest = manifest_of(FILES).to_bytes().replace(b'"format": 1', b'"format": 2')
    assert "--upgrade pretrained" in refused(hostile(FILES, manifest=manifest), UnsupportedFormatError)


def test_a_manifest_without_end(refused: Callable[..., str]) -> None:
    manifest = manifest_of(FILES).to_bytes() + b" " * (17 << 20)
    refused(hostile(FILES, manifest=manifest), CorruptFileError)


def test_a_nested_manifest(refused: Callable[..., str]) -> None:
    refused(hostile(FILES, manifest=b"[" * 200_000), CorruptFileError)


def test_no_manifest(refused: Callable[..., str]) -> None:
    assert "does not begin with pretrained.json" in refused(stored(FILES), UnsupportedFormatError)


def test_a_manifest_that_is_not_first(refused: Callable[..., str]) -> None:
    refused(stored(FILES | {MANIFEST: manifest_of(FILES).to_bytes()}), UnsupportedFormatError)


def test_an_index_that_leads_elsewhere(here: Path) -> None:
    index = b'{"weight_map": {"a.weight": "../../model.safetensors"}}'
    files = FILES | {"model.safetensors.index.json": index}
    manifest = manifest_of(files)
    manifest = type(manifest)(
        manifest.files, weights_format="safetensors", weights=manifest.weights, index="config.json"
    )
    for name in ("config.json", "model.safetensors.index.json"):
        lying = replace(manifest, index=name)
        (here / "a.pretrained").write_bytes(hostile(files, manifest=lying.to_bytes()))
        with pytest.raises(CorruptFileError, match="does not name the weights"):
            resolve("a.pretrained").weights()


def test_weights_of_a_format_that_is_none(here: Path) -> None:
    from pretrained.checkpoints import open_checkpoint

    manifest = replace(manifest_of(FILES), weights_format="x", weights=("vocab.txt",))
    (here / "a.pretrained").write_bytes(hostile(FILES, manifest=manifest.to_bytes()))
    with pytest.raises(UnsupportedFormatError, match="format 'x'"):
        open_checkpoint(resolve("a.pretrained").weights())


# -- chance ------------------------------


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_ends_in_an_error_or_in_the_right_bytes(data: st.DataObject, here: Path) -> None:
    path = here / "a.pretrained"
    if not path.exists():
        bundle_of(here)
        (here / "good").write_bytes(path.read_bytes())
    content = bytearray((here / "good").read_bytes())
    # Only where something is said: not in the padding, which is most of this small bundle.
    table = content.rfind(b"PK\x01\x02", 0, content.find(b"PK\x01\x02") + 1)
    places = [*range(3000), *range(table - 300, len(content))]
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path.write_bytes(content)
    try:
        bundle = Bundle(path)
        for name in bundle.manifest.files:
            bundle.check(name, FileHash.of_bytes(bundle.windows[name].read_bytes()))
    except PretrainedError:
        return
    assert {name: bundle.windows[name].read_bytes() for name in bundle.manifest.files} == FILES


def test_a_bundle_that_is_a_folder_or_empty(here: Path) -> None:
    (here / "a.pretrained").mkdir()
    with pytest.raises(PretrainedError):
        resolve("./a.pretrained")
    (here / "b.pretrained").touch()
    with pytest.raises(CorruptFileError, match="truncated"):
        resolve("b.pretrained")
    assert os.listdir(here / "a.pretrained") == []
