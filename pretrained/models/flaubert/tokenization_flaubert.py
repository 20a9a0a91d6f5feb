"""How does FlauBERT cut text? As XLM does French, but with accents, and without lower-casing unless it is told to."""

import os
import unicodedata
from typing import Any

from pretrained.models.xlm.languages_xlm import find_words
from pretrained.models.xlm.tokenization_xlm import XLMTokenizer

_LANGUAGE = "fr"


class FlaubertTokenizer(XLMTokenizer):
    """XLM's tokenization of French text. `bypass_tokenizer=True` is for a text whose words are found already.

    Args:
        vocab_file: a vocab.json; or `vocab`, token → id.
        merges_file: a merges.txt; or `merges`, the pairs in their order.
        do_lowercase: lower-case the text; None: as `do_lower_case` says, else False.
        **kwargs: see `XLMTokenizer`.
    """

    text_options = ("bypass_tokenizer",)

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        do_lowercase: bool | None = None,
        *,
        do_lower_case: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.do_lowercase = bool(do_lower_case) if do_lowercase is None else do_lowercase
        kwargs["do_lowercase_and_remove_accent"] = False  # XLM's, which would take accents off
        super().__init__(vocab_file, merges_file, **kwargs)
        self.init_kwargs["do_lowercase"] = self.do_lowercase

    @property
    def do_lower_case(self) -> bool:
        return self.do_lowercase

    def _words(self, text: str, *, lang: str = _LANGUAGE, bypass_tokenizer: bool = False) -> list[str]:
        if bypass_tokenizer:
            return text.split()
        text = unicodedata.normalize("NFC", text.replace("``", '"').replace("''", '"'))
        return find_words(text.lower() if self.do_lowercase else text, lang)
