"""Do messages read well, and fit the system?"""

import os
from pathlib import Path, PurePosixPath

import pytest

from pretrained.hub import messages


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (134, "134 bytes"),
        (1000, "1.0 kB"),
        (231_508, "231.5 kB"),
        (999_950, "1.0 MB"),
        (440_473_133, "440.5 MB"),
        (1_340_000_000, "1.3 GB"),
        (10**13, "10000.0 GB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert messages.size(count) == text


def test_listing_is_cut() -> None:
    assert messages.listing([]) == "nothing"
    assert messages.listing(str(n) for n in range(25)).endswith("18, 19 and 5 more")


def test_compose_keeps_its_order_and_leaves_out_what_is_empty() -> None:
    text = messages.compose("no weights.", looked=["a", "b"], found="x (1 byte)", to_do="do it")
    assert text == "no weights.\nLooked in:\n  a\n  b\nFound: x (1 byte)\nTo do: do it"
    assert messages.compose("x", looked=["a"], to_do="y") == "x\nLooked in: a\nTo do: y"


def test_commands_of_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "posix")
    source, target = PurePosixPath("/m/my model.bin"), PurePosixPath("/m/pytorch_model.bin")
    assert messages.move(source, target) == "mv '/m/my model.bin' /m/pytorch_model.bin"
    assert messages.remove(source) == "rm '/m/my model.bin'"


def test_commands_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    source, target = PurePosixPath("/m/my model.bin"), PurePosixPath("/m/pytorch_model.bin")
    assert messages.move(source, target) == 'ren "/m/my model.bin" "pytorch_model.bin"'
    assert messages.move(source, PurePosixPath("/n/x")) == 'move "/m/my model.bin" "/n/x"'
    assert messages.remove(source) == 'del "/m/my model.bin"'
    assert messages.replace_link(source, target) == 'copy /y "/m/my model.bin" "/m/pytorch_model.bin"'


def test_download() -> None:
    assert (
        messages.download("owner/name", files=["config.json", "vocab.txt"], revision="v1", into="my bert")
        == "pretrained download owner/name --file config.json --file vocab.txt --revision v1 --to 'my bert'"
    )
    assert messages.download("gpt2", refresh=True) == "pretrained download gpt2 --refresh"


@pytest.mark.skipif(os.name == "nt", reason="rights are others there")
def test_who_may_allow_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my model.bin").write_bytes(b"")
    assert messages.allow(tmp_path / "my model.bin") == f"chmod u+r '{tmp_path}/my model.bin'"
    assert messages.allow(tmp_path) == f"chmod u+rx {tmp_path}"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert messages.allow(tmp_path) == f"ask {tmp_path.owner()}, whose it is, for: chmod a+rx {tmp_path}"
    assert messages.allow(tmp_path / "nowhere") == f"ask the owner of {tmp_path}/nowhere to let you read it"
