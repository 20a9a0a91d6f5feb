"""Are the words of each language found by its own package, and is the package named where it is missing?"""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pretrained.errors import MissingDependencyError
from pretrained.models.xlm import languages_xlm
from pretrained.models.xlm.languages_xlm import find_words, lower_without_accents, normalize


@pytest.fixture(autouse=True)
def _own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHAINLP_DATA", str(tmp_path))  # else pythainlp makes a folder in the user's home


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "Isn't it 3.5 m. long?", ["Isn", "'t", "it", "3.5", "m.", "long", "?"]),
        ("fr", "L'été «va»…", ["L'", "été", '"', "va", '"', "..."]),
        ("de", "Er sagt: „ja“.", ["Er", "sagt", ":", '"', "ja", '"', "."]),
        ("ro", "Ţara şi ţara, împreună în Âme", ["Tara", "si", "tara", ",", "impreuna", "in", "Ame"]),
        ("zh", "我来到北京清华大学，１２。", ["我", "来到", "北京", "清华大学", ",", "1", "2", "."]),
        ("th", "สวัสดีครับ ทดสอบ", ["สวัสดี", "ครับ", " ", "ทดสอบ"]),
        ("an unknown one", "it's", ["it", "'", "s"]),
    ],
)
def test_words(lang: str, text: str, expected: list[str]) -> None:
    assert find_words(text, lang) == expected


def test_what_is_done_first() -> None:
    assert normalize("a\u200b“b”\n，c", "en") == 'a"b",c'


def test_lower_case_without_accents() -> None:
    assert lower_without_accents(["ÉTÉ", "Straße", "ΣΑΣ"]) == ["ete", "straße", "σας"]
    assert lower_without_accents(["a", " ", "b"]) == ["a", "", "", "b"]


@pytest.mark.parametrize(
    ("lang", "module", "named"),
    [
        ("zh", "jieba", r'jieba.*pip install "pretrained\[chinese\]"'),
        ("th", "pythainlp.tokenize", r'pythainlp.*pip install "pretrained\[thai\]"'),
        ("ja", "Mykytea", r"kytea.*pip install kytea.*bypass_tokenizer=True"),
    ],
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, lang: str, module: str, named: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=named):
        find_words("a", lang)


def test_japanese_by_kytea(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Mykytea:
        def __init__(self, options: str) -> None:
            self.options = options

        def getWS(self, text: str) -> list[str]:
            return [*text, self.options]

    monkeypatch.setitem(sys.modules, "Mykytea", SimpleNamespace(Mykytea=Mykytea))
    monkeypatch.setattr(languages_xlm, "KYTEA_MODEL", tmp_path / "model.bin")
    languages_xlm._kytea.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"there is no file .*model\.bin"):
        find_words("日本。", "ja")
    (tmp_path / "model.bin").touch()
    assert find_words("日本。", "ja") == ["日", "本", ".", f"-model {tmp_path / 'model.bin'}"]
    languages_xlm._kytea.cache_clear()
