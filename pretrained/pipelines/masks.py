"""Which word stands behind the mask?"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from pretrained.errors import ConfigurationError, InputError
from pretrained.pipelines.base import Pipeline

logger = logging.getLogger("pretrained")

_SCORES = 1 << 26  # of a batch at a time: 256 MB


class FillMaskPipeline(Pipeline):
    """One text with a mask → [{"sequence", "score", "token", "token_str"}], the likeliest first; a list → lists.

    A text with several masks gives such a list for each mask; its sequences still hold the other masks.

    Options:
        top_k: so many words; 5. `topk` is its earlier name.
        targets: only these words, one or a list.
    """

    auto = "ForMaskedLM"
    trained_by = "masked-lm"
    counts = ("top_k", "topk")
    defaults: ClassVar[Mapping[str, Any]] = {"top_k": 5, "topk": None, "targets": None}

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        mask = self.tokenizer.mask_token_id
        if mask is None:
            raise ConfigurationError(f"{type(self.tokenizer).__name__} has no mask token")
        count = options["top_k"] if options["topk"] is None else options["topk"]
        targets = None if options["targets"] is None else self._targets(options["targets"])
        rows, _ = self._rows(self._texts(inputs))
        for place, row in enumerate(rows):
            if mask not in row["input_ids"]:
                raise InputError(
                    f"input {place} has no mask ({self.tokenizer.mask_token}) among its first {len(row['input_ids'])} "
                    f"tokens: {inputs[place][:80]!r}"
                )
        masks = [[at for at, token in enumerate(row["input_ids"]) if token == mask] for row in rows]
        # every token is scored against the whole vocabulary, and only the masks' scores are wanted
        scored = self._run(
            rows,
            "logits",
            per_token=True,
            keep=lambda place, found: [found[0][masks[place]].softmax(-1)],
            batch_tokens=max(1, _SCORES // self.model.config.vocab_size),
        )
        answers = []
        for row, places, (probabilities,) in zip(rows, masks, scored, strict=True):
            single = len(places) == 1
            found = [
                self._fill(row["input_ids"], at, each, count, targets, single=single)
                for at, each in zip(places, probabilities, strict=True)
            ]
            answers.append(found[0] if single else found)
        return answers

    def _fill(
        self,
        ids: Sequence[int],
        at: int,
        probabilities: torch.Tensor,
        count: int,
        targets: list[int] | None,
        *,
        single: bool,
    ) -> list[dict[str, Any]]:
        if targets is None:
            scores, tokens = probabilities.topk(min(count, len(probabilities)))
        else:
            chosen = torch.tensor(targets)
            scores, order = probabilities[chosen].sort(descending=True, stable=True)
            scores, tokens = scores[:count], chosen[order][:count]
        found = []
        for score, token in zip(scores.tolist(), tokens.tolist(), strict=True):
            filled = [*ids[:at], token, *ids[at + 1 :]]
            sequence = self.tokenizer.decode(filled, skip_special_tokens=single)
            found.append(
                {"sequence": sequence, "score": score, "token": token, "token_str": self.tokenizer.decode([token])}
            )
        return found

    def _targets(self, words: str | Sequence[str]) -> list[int]:
        """The ids of the words that have pieces; of one that is no single piece, the id of its first piece."""
        found = []
        vocabulary = self.tokenizer.get_vocab()
        words = [words] if isinstance(words, str) else words
        for word in words:
            if not isinstance(word, str):
                raise InputError(f"targets must be words, got {type(word).__name__}: {word!r}")
            if word in vocabulary:
                found.append(vocabulary[word])
                continue
            pieces = self.tokenizer(word, add_special_tokens=False)["input_ids"]
            if not pieces or self.tokenizer.unk_token_id in pieces:
                logger.warning("the vocabulary has no pieces for the target %r, so it is left out", word)
                continue
            if len(pieces) > 1:
                shown = self.tokenizer.convert_ids_to_tokens(pieces[:1])[0]
                logger.warning("the target %r is no single piece of the vocabulary; %r stands for it", word, shown)
            found.append(pieces[0])
        if not found:
            raise InputError(f"targets={words!r} has no word of this vocabulary; give at least one")
        return list(dict.fromkeys(found))
