"""Which tokens stand in a text: those behind a mask, or the next one after each?"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pretrained.errors import ConfigurationError, DataError
from pretrained.heads import ForLanguageModeling
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import IGNORED, Row, batches
from pretrained.training.data import Record
from pretrained.training.kinds.kind import Kind
from pretrained.training.layouts import read_text
from pretrained.training.loop import Rows
from pretrained.training.tasks import Task

_LINES = 1000
_MASKED = 0.15


class BlockRows(Rows):
    """Rows that count by the tokens to be predicted: all but the first."""

    def weight(self, row: Row) -> float:
        return float(len(row["input_ids"]) - 1)


class Language(Kind):
    """What both kinds share: running text, cut into blocks of `max_length` tokens."""

    needs_labels = False

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        """One record for each stretch of lines; blocks go over their ends."""
        records: list[Record] = []
        lines: list[str] = []
        begun = 1
        for number, line in enumerate(read_text(path), 1):
            if line.strip():
                lines.append(line.strip())
            if len(lines) == _LINES:
                records.append(Record({"text": lines}, path, begun))
                lines, begun = [], number + 1
        if lines:
            records.append(Record({"text": lines}, path, begun))
        if not records:
            raise DataError(f"{path} has no text")
        return records

    def _blocks(self, examples: Sequence[Record]) -> Iterator[list[int]]:
        """The ids of the whole text, special tokens around each block."""
        room = self.max_length - self.tokenizer.num_special_tokens_to_add(pair=False)
        if room < 1:
            raise ConfigurationError(f"max_length={self.max_length} leaves no room beside the special tokens")
        held: list[int] = []
        for example in examples:
            for ids in self._lines(example["text"]):
                held += ids
                while len(held) >= room:
                    yield self.tokenizer.build_inputs_with_special_tokens(held[:room])
                    held = held[room:]
        if len(held) > 1:
            yield self.tokenizer.build_inputs_with_special_tokens(held)

    def _lines(self, lines: list[str]) -> Iterable[list[int]]:
        encoded = self.tokenizer(lines, add_special_tokens=False, verbose=False)["input_ids"]
        end = self.tokenizer.eos_token_id if self.tokenizer.cls_token_id is None else None
        return encoded if end is None else [[*ids, end] for ids in encoded]

    @torch.inference_mode()
    def _mean_loss(self, model: PreTrainedModel, rows: Rows) -> float:
        """Over all tokens that are to be predicted."""
        collate = self.collator(model)
        held = rows.at_epoch(0)
        total = count = 0.0
        for places in batches(held):
            weight = sum(rows.weight(held[place]) for place in places)
            if weight:
                batch = collate([held[place] for place in places]).to(model.device)
                total += float(model(**batch.inputs, return_dict=True).loss) * weight
                count += weight
        return total / max(1.0, count)

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        """One row, the mean loss: there is nothing to say to each block."""
        return [{"loss": self._mean_loss(model, rows), "blocks": len(rows)}]

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        loss = float(predictions[0]["loss"])
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}


class Causal(Language):
    """The next token after each."""

    auto = "ForCausalLM"
    _shifts = True

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        blocks = self._blocks(examples)
        if self._shifts:
            return BlockRows([{"input_ids": ids, "labels": list(ids)} for ids in blocks])
        return BlockRows([{"input_ids": ids, "labels": [*ids[1:], IGNORED]} for ids in blocks])

    def check_model(self, model: PreTrainedModel) -> None:
        """Changes the last token: a network whose earlier places notice it sees what it is to predict."""
        self._shifts = not isinstance(model, ForLanguageModeling)  # XLM wants its labels at their places
        special = set(self.tokenizer.all_special_ids)
        ids = [token for token in range(len(self.tokenizer)) if token not in special][:4]
        with torch.inference_mode():
            model.eval()
            one, other = (model(torch.tensor([row]), return_dict=True).logits for row in (ids[:3], [*ids[:2], ids[3]]))
        if not torch.allclose(one[:, :2], other[:, :2], atol=1e-4):
            raise ConfigurationError(
                f"{type(model).__name__} sees the tokens that it is to predict; causal-lm needs a network that reads "
                'from left to right only, such as GPT-2. A BERT becomes one by "is_decoder": true in its config.json, '
                'an XLM by "causal": true; to learn behind masks: --task masked-lm'
            )


class MaskedRows(Rows):
    """Blocks with other tokens masked in each epoch (RoBERTa, arXiv 1907.11692), the same ones in each run."""

    def __init__(
        self, blocks: Sequence[list[int]], words: Sequence[list[list[int]]], tokenizer: Any, seed: int
    ) -> None:
        super().__init__([{"input_ids": ids} for ids in blocks])
        self._words = words
        self._tokenizer = tokenizer
        self._seed = seed
        self._epoch: tuple[int, list[Row]] = (-1, [])

    def at_epoch(self, epoch: int) -> Sequence[Row]:
        if self._epoch[0] != epoch:
            rows = [self._masked(number, epoch) for number in range(len(self.rows))]
            self._epoch = (epoch, rows)
        return self._epoch[1]

    def weight(self, row: Row) -> float:
        return float(sum(label != IGNORED for label in row["labels"]))

    def _masked(self, number: int, epoch: int) -> Row:
        """15 % of the words: 80 % of their tokens masked, 10 % another token, 10 % as they are."""
        chance = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) * 1_000_003 + number)
        ids, words = list(self.rows[number]["input_ids"]), self._words[number]
        labels = [IGNORED] * len(ids)
        wanted = max(1, round(_MASKED * sum(map(len, words))))
        vocabulary = len(self._tokenizer)
        for at in torch.randperm(len(words), generator=chance).tolist():
            if wanted <= 0:
                break
            wanted -= len(words[at])
            for place in words[at]:
                labels[place] = ids[place]
                kind = float(torch.rand((), generator=chance))
                if kind < 0.8:
                    ids[place] = self._tokenizer.mask_token_id
                elif kind < 0.9:
                    ids[place] = int(torch.randint(vocabulary, (), generator=chance))
        return {"input_ids": ids, "labels": labels}


class Masked(Language):
    """The tokens behind masks; with `whole_words`, all pieces of a word, in Chinese as a segmenter finds them."""

    auto = "ForMaskedLM"
    whole_words = False
    seed = 42

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        if self.tokenizer.mask_token_id is None:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} has no mask token, so its models cannot learn behind masks; "
                "use the task causal-lm"
            )
        blocks = list(self._blocks(examples))
        special = set(self.tokenizer.all_special_ids)
        words = [self._words(ids, special) for ids in blocks]
        return MaskedRows(blocks, words, self.tokenizer, self.seed)

    def _words(self, ids: Sequence[int], special: set[int]) -> list[list[int]]:
        """The places of each word's tokens, or of each token."""
        places = [at for at, token in enumerate(ids) if token not in special]
        if not self.whole_words:
            return [[at] for at in places]
        from pretrained.training.kinds.words import group_words

        return group_words(self.tokenizer.convert_ids_to_tokens(list(ids)), places)
