"""How does GPT cut text? Lower-cased words, whose characters merges join; the end of a word is marked </w>."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tokenizers import AddedToken, Tokenizer, decoders

from pretrained.errors import MissingDependencyError
from pretrained.models.openai_gpt.spacy_words import MergedWord, SpacyWords
from pretrained.tokenization.basic import lower
from pretrained.tokenization.basic_pipeline import basic_json, basic_parts, bert_normalizer
from pretrained.tokenization.bpe import BpeEngine, BpeSource, build_model, read_source
from pretrained.tokenization.bpe_tokenizer import BpeTokenizer
from pretrained.tokenization.engine import Engine
from pretrained.tokenization.notices import warn
from pretrained.tokenization.pipeline import compile_pipeline, part_types
from pretrained.tokenization.special_tokens import Token, added_token, lower_cased_token
from pretrained.tokenization.words import WordEngine

_END = "</w>"


class OpenAIGPTTokenizer(BpeTokenizer):
    """BPE tokenization of lower-cased words.

    The model was trained on words that the packages ftfy and spaCy made. Without them words are made as BERT does:
    then line ends leave no token, and contractions and numbers are cut at other places.

    Args:
        vocab_file, merges_file: a vocab.json and a merges.txt; or `tokenizer_file`, a tokenizer.json; or `vocab` and
            `merges`, a dict token → id and the pairs.
        use_spacy: True: words by ftfy and spaCy, an error if they are not installed; False: words as BERT makes them;
            None: the first if they are installed, else the second, with a warning.
        **kwargs: see `PreTrainedTokenizer`.
    """

    old_file_names: ClassVar[Mapping[str, Sequence[str]]] = {
        "vocab_file": ("encoder_bpe_40000.json",),
        "merges_file": ("vocab_40000.bpe",),
    }
    word_end = _END
    do_lower_case = True

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        unk_token: Token = "<unk>",
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[str | Sequence[str]] | None = None,
        use_spacy: bool | None = None,
        **kwargs: Any,
    ) -> None:
        source = read_source(vocab_file, merges_file, tokenizer_file, vocab, merges, called=type(self).__name__)
        published = source.pipeline
        self._foreign = None if published is None or _is_usual(published) else published
        self.use_spacy = False
        engine = self._make_engine(source, str(unk_token), use_spacy)
        super().__init__(source, engine, unk_token=unk_token, use_spacy=use_spacy, **kwargs)

    def _make_engine(self, source: BpeSource, unknown: str, use_spacy: bool | None) -> Engine:
        if self._foreign is not None:
            return BpeEngine(compile_pipeline(self._foreign), source.vocab, unknown=unknown)
        words = _spacy_words(use_spacy)
        if words is not None:
            self.use_spacy = True
            return WordEngine(source.vocab, words, MergedWord(source.merges, _END), unknown=unknown)
        model, hidden = build_model(source.vocab, source.merges, unknown=unknown, suffix=_END)
        pipeline = Tokenizer(model)
        pipeline.decoder = decoders.BPEDecoder(suffix=_END)
        pipeline.normalizer, pipeline.pre_tokenizer = basic_parts(lower_case=True)
        return BpeEngine(pipeline, source.vocab, hidden=hidden, unknown=unknown)

    def pipeline_json(self) -> dict[str, Any] | None:
        """The pipeline in the form that everybody writes; None where it cannot say what happens here."""
        engine = self._engine
        if not isinstance(engine, BpeEngine) or not engine.exact_json:
            return None
        content = engine.to_json()
        if self._foreign is None:
            content |= basic_json(lower_case=True) | {"post_processor": self.template_json()}
        return content

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens).replace(_END, " ").strip()

    def _added_token(self, token: Token, *, special: bool) -> AddedToken:
        """A new token is lower-cased and found in any spelling; a special one is not, nor is any with spaCy."""
        if special or self.use_spacy:
            return added_token(token, normalized=False, special=special)
        return lower_cased_token(token)

    def _find(self, token: str) -> int | None:
        index = super()._find(token)
        if index is None:
            small = self._engine.token_to_id(lower(token))
            index = small if small in self._engine.added else None
        return index

    def _vanishes(self, char: str) -> bool:
        return not self.use_spacy and not bert_normalizer(lower_case=True).normalize_str(char)


def _spacy_words(wanted: bool | None) -> SpacyWords | None:
    """What makes words of a text; None for BERT's way."""
    if wanted is False:
        return None
    try:
        return SpacyWords()
    except MissingDependencyError:
        if wanted:
            raise
    warn(
        "ftfy and spacy, with which this model's training text was split into words, are not both installed; words "
        "are made as BERT does, which gives other ids for many texts. To do: pip install ftfy spacy, or "
        "use_spacy=False if this is meant"
    )
    return None


def _is_usual(published: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json holds GPT's own pipeline."""
    types, model = part_types(published), published["model"]
    return (
        types.get("model") in ("BPE", None)
        and model.get("end_of_word_suffix") == _END
        and not any(model.get(name) for name in ("dropout", "continuing_subword_prefix", "byte_fallback"))
        and types.get("normalizer") == "BertNormalizer"
        and bool(published["normalizer"].get("lowercase", True))
        and types.get("pre_tokenizer") == "BertPreTokenizer"
    )
