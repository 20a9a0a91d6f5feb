"""Which words of a text are names, and of what kind?"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pretrained.decoding.places import without_blanks
from pretrained.errors import ConfigurationError, did_you_mean
from pretrained.pipelines.base import Pipeline

STRATEGIES = ("none", "simple", "first", "average", "max")


class TokenClassificationPipeline(Pipeline):
    """One text → a list of what was found in it; a list of texts → a list of those.

    By piece: {"word", "score", "entity", "index", "start", "end"}, with places in the text; special tokens and
    pieces with the label "O" are left out. Grouped: {"entity_group", "score", "word", "start", "end"}.

    Options:
        grouped_entities: neighbouring pieces of one entity become one; the same as aggregation_strategy="simple".
        aggregation_strategy: "none"; "simple" joins pieces as they are tagged; "first", "average" and "max" give
            each whole word one tag before: that of its first piece, of the mean of its pieces, of the surest one.
        ignore_labels: those that are left out; ["O"].
        ignore_subwords: a piece inside a word takes the tag of its first one; the same as "first".
    """

    auto = "ForTokenClassification"
    defaults: ClassVar[Mapping[str, Any]] = {
        "grouped_entities": False,
        "aggregation_strategy": None,
        "ignore_labels": ("O",),
        "ignore_subwords": False,
    }

    trained_by = "tokens"

    @classmethod
    def _checked(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        if (asked := options.get("aggregation_strategy")) not in (None, *STRATEGIES):
            also = did_you_mean(str(asked), STRATEGIES)
            raise ConfigurationError(
                f"aggregation_strategy={asked!r} is not known{also}; choose one of: {', '.join(STRATEGIES)}"
            )
        return super()._checked(options)

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        strategy = _strategy(options)
        texts = self._texts(inputs)
        rows, encoded = self._rows(texts, return_offsets_mapping=True, return_special_tokens_mask=True)
        answers = []
        for row, (logits,) in enumerate(self._run(rows, "logits", per_token=True)):
            pieces = self._pieces(texts[row], encoded, row, logits.softmax(-1))
            by_piece = strategy in ("none", "simple")
            found = [self._tagged(piece) for piece in pieces] if by_piece else self._words(pieces, strategy)
            if strategy != "none":
                found = self._grouped(found)
            for each in found:
                each["start"], each["end"] = without_blanks(texts[row], each["start"], each["end"])
            label = "entity" if strategy == "none" else "entity_group"
            answers.append([each for each in found if each[label] not in options["ignore_labels"]])
        return answers

    def _pieces(self, text: str, encoded: Any, row: int, scores: Tensor) -> list[dict[str, Any]]:
        """The pieces of the text itself; of one that the vocabulary does not have, the word is that of the text."""
        tokens, words = encoded.tokens(row), encoded.word_ids(row)
        return [
            {
                "word": text[start:end] if tokens[at] == self.tokenizer.unk_token else tokens[at],
                "scores": scores[at],
                "index": at,
                "start": start,
                "end": end,
                "of": words[at],
            }
            for at, (start, end) in enumerate(encoded["offset_mapping"][row])
            if not encoded["special_tokens_mask"][row][at]
        ]

    def _tagged(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        best = int(piece["scores"].argmax())
        return {
            "word": piece["word"],
            "score": float(piece["scores"][best]),
            "entity": self.model.config.id2label[best],
            "index": piece["index"],
            "start": piece["start"],
            "end": piece["end"],
        }

    def _words(self, pieces: Sequence[dict[str, Any]], strategy: str) -> list[dict[str, Any]]:
        """One tag for each whole word."""
        words: list[list[dict[str, Any]]] = []
        for piece in pieces:
            if words and piece["of"] is not None and words[-1][-1]["of"] == piece["of"]:
                words[-1].append(piece)
            else:
                words.append([piece])
        found = []
        for word in words:
            if strategy == "first":
                scores = word[0]["scores"]
            elif strategy == "max":
                scores = max(word, key=lambda piece: float(piece["scores"].max()))["scores"]
            else:
                scores = torch.stack([piece["scores"] for piece in word]).mean(0)
            joined = self.tokenizer.convert_tokens_to_string([piece["word"] for piece in word])
            whole = {**word[0], "word": joined, "scores": scores, "end": word[-1]["end"]}
            found.append(self._tagged(whole))
        return found

    def _grouped(self, tagged: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Neighbours of one kind, unless a B- begins another."""
        groups: list[list[dict[str, Any]]] = []
        for each in tagged:
            begins, kind = _kind(each["entity"])
            if groups and not begins and _kind(groups[-1][-1]["entity"])[1] == kind:
                groups[-1].append(each)
            else:
                groups.append([each])
        return [
            {
                "entity_group": _kind(group[0]["entity"])[1],
                "score": sum(each["score"] for each in group) / len(group),
                "word": self.tokenizer.convert_tokens_to_string([each["word"] for each in group]),
                "start": group[0]["start"],
                "end": group[-1]["end"],
            }
            for group in groups
        ]


def _kind(label: str) -> tuple[bool, str]:
    """Whether a tag begins an entity, and of what kind."""
    prefix, separator, kind = label.partition("-")
    return (prefix == "B", kind) if separator and prefix in ("B", "I") else (False, label)


def _strategy(options: Mapping[str, Any]) -> str:
    asked = options["aggregation_strategy"]
    if asked is None:
        asked = "first" if options["ignore_subwords"] and options["grouped_entities"] else "simple"
        asked = asked if options["grouped_entities"] else "none"
    return str(asked)
