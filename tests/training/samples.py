"""Small data in the published layout of every task, and a model small enough to learn them in a blink."""

import csv
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from pretrained import BertConfig, BertForMaskedLM, BertTokenizer, GPT2Config, GPT2LMHeadModel
from pretrained.models.gpt2.tokenization_gpt2 import GPT2Tokenizer
from pretrained.tokenization.byte_bpe import byte_characters

# fmt: off
WORDS = [
    "the", "a", "film", "was", "good", "bad", "long", "short", "who", "saw", "it", "where", "paris", "anna", "went",
    "to", "in", "is", "not", "very", "and", ".", "?",
]
CHINESE = ["我", "们", "很", "好", "不", "电", "影", "北", "京", "去", "了", "吗", "这", "部", "人"]
# fmt: on
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_bert(folder: Path, *, dropout: float = 0.1) -> Path:
    """A BERT of two layers and its WordPiece vocabulary."""
    torch.manual_seed(0)
    vocab = [*SPECIAL, *WORDS, *CHINESE, *"abcdefghijklmnopqrstuvwxyz0123456789", *(f"##{c}" for c in "abcdeinorst")]
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def write_gpt2(folder: Path) -> Path:
    """A GPT-2 of two layers that knows single bytes."""
    torch.manual_seed(0)
    vocab = [*byte_characters().values(), "<|endoftext|>"]
    end = len(vocab) - 1
    config = GPT2Config(
        vocab_size=len(vocab), n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=end, eos_token_id=end
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    GPT2Tokenizer(vocab={token: place for place, token in enumerate(vocab)}, merges=[]).save_pretrained(folder)
    return folder


class Sample:
    """Writes rows of random words; the label can be told from them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self, words: Sequence[str] = WORDS[:20], count: int = 8) -> str:
        return " ".join(self.chance.choice(words) for _ in range(self.chance.randrange(3, count)))

    def labelled(self, labels: Sequence[str]) -> tuple[str, str]:
        label = self.chance.choice(labels)
        return f"{self.text()} {WORDS[4 + labels.index(label)]}", label


RowOf = Callable[[Sample], Sequence[object]]
Writer = Callable[[Path, Sample, int], None]


def _tsv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def _table(header: Sequence[str], row: RowOf) -> Writer:
    def write(path: Path, sample: Sample, count: int) -> None:
        _tsv(path, [header, *(row(sample) for _ in range(count))] if header else [row(sample) for _ in range(count)])

    return write


def _single(labels: Sequence[str]) -> RowOf:
    return lambda sample: sample.labelled(labels)


def _pair(before: Sequence[object], labels: Sequence[str], after: Sequence[object] = ()) -> RowOf:
    def row(sample: Sample) -> list[object]:
        text, label = sample.labelled(labels)
        return [*before, text, sample.text(), *after, label]

    return row


_NLI = ["contradiction", "entailment", "neutral"]
_RTE = ["entailment", "not_entailment"]


def _cola(sample: Sample) -> list[object]:
    text, label = sample.labelled(["0", "1"])
    return ["gj04", label, "", text]


def _mrpc(sample: Sample) -> list[object]:
    text, label = sample.labelled(["0", "1"])
    return [label, 1, 2, text, sample.text()]


def _stsb(sample: Sample) -> list[object]:
    return [0, "g", "f", "2012", "1", "s", "s", sample.text(), sample.text(), round(sample.chance.random() * 5, 2)]


def _xnli(sample: Sample) -> list[object]:
    text, label = sample.labelled(_NLI)
    return ["en", label, text, sample.text()]


def _lcqmc(sample: Sample) -> list[object]:
    label = sample.chance.choice("01")
    return ["".join(sample.text(CHINESE).split()), "".join(sample.text(CHINESE).split()), label]


def _chn(sample: Sample) -> list[object]:
    return [sample.chance.choice("01"), "".join(sample.text(CHINESE).split())]


def _columns(
    types: Sequence[str], separator: str = " ", first: Callable[[int], str] | None = None, last: str = ""
) -> Writer:
    def write(path: Path, sample: Sample, count: int) -> None:
        lines = []
        for _ in range(count):
            words = [*sample.text().split(), "anna", "went", "to", "paris"]
            tags = ["O"] * (len(words) - 4) + [f"B-{types[0]}", "O", "O", f"B-{types[1]}"]
            for number, (word, tag) in enumerate(zip(words, tags, strict=True), 1):
                before = [first(number)] if first else []
                lines.append(separator.join([*before, word, tag, *([last] if last else [])]))
            lines.append("")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def _squad(impossible: bool) -> Writer:
    def write(path: Path, sample: Sample, count: int) -> None:
        paragraphs = []
        for number in range(count):
            context = f"{sample.text()} anna went to paris . {sample.text(count=40)}"
            answer = {"text": "paris", "answer_start": context.index("paris")}
            no = impossible and number % 3 == 0
            question = {"id": str(number), "question": "where is anna ?", "answers": [] if no else [answer]}
            paragraphs.append({"context": context, "qas": [{**question, "is_impossible": no}]})
        path.write_text(json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": paragraphs}]}))

    return write


def _swag(path: Path, sample: Sample, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "video-id", "sent1", "sent2", "ending0", "ending1", "ending2", "ending3", "label"])
        for number in range(count):
            endings = [sample.text() for _ in range(4)]
            writer.writerow([number, "v", sample.text(), "anna", *endings, sample.chance.randrange(4)])


def _race(path: Path, sample: Sample, count: int) -> None:
    (path / "high").mkdir(parents=True)
    for number in range(count // 2):
        exam = {
            "article": sample.text(count=30),
            "questions": ["anna is _ .", "where is paris ?"],
            "options": [[sample.text() for _ in range(4)] for _ in range(2)],
            "answers": ["B", "D"],
        }
        (path / "high" / f"{number}.txt").write_text(json.dumps(exam))


def _text(path: Path, sample: Sample, count: int) -> None:
    path.write_text("\n".join(sample.text(count=30) for _ in range(count * 2)) + "\n")


WRITERS: dict[str, Writer] = {
    "cola": _table([], _cola),
    "sst2": _table(["sentence", "label"], _single(["0", "1"])),
    "mrpc": _table(["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"], _mrpc),
    "stsb": _table(
        ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2", "score"],
        _stsb,
    ),
    "qqp": _table(["id", "qid1", "qid2", "question1", "question2", "is_duplicate"], _pair([0, 1, 2], ["0", "1"])),
    "mnli": _table(["index", "sentence1", "sentence2", "label1", "gold_label"], _pair([0], _NLI, ["x"])),
    "mnli-mm": _table(["index", "sentence1", "sentence2", "label1", "gold_label"], _pair([0], _NLI, ["x"])),
    "qnli": _table(["index", "question", "sentence", "label"], _pair([0], _RTE)),
    "rte": _table(["index", "sentence1", "sentence2", "label"], _pair([0], _RTE)),
    "wnli": _table(["index", "sentence1", "sentence2", "label"], _pair([0], ["0", "1"])),
    "xnli": _table(["language", "gold_label", "sentence1", "sentence2"], _xnli),
    "chnsenticorp": _table(["label", "text_a"], _chn),
    "lcqmc": _table([], _lcqmc),
    "conll2003": _columns(["PER", "LOC"]),
    "wnut17": _columns(["person", "location"], "\t"),
    "germeval": _columns(["PER", "LOC"], "\t", str, "O"),
    "msra-ner": _columns(["PER", "LOC"], "\t"),
    "squad": _squad(False),
    "squad2": _squad(True),
    "cmrc2018": _squad(False),
    "swag": _swag,
    "race": _race,
    "masked-lm": _text,
    "causal-lm": _text,
}
NAMES: dict[str, tuple[str, str]] = {
    "mnli": ("train.tsv", "dev_matched.tsv"),
    "mnli-mm": ("train.tsv", "dev_mismatched.tsv"),
    "xnli": ("XNLI-MT-1.0/multinli/multinli.train.en.tsv", "XNLI-1.0/xnli.dev.tsv"),
    "conll2003": ("eng.train", "eng.testa"),
    "wnut17": ("wnut17train.conll", "emerging.dev.conll"),
    "germeval": ("NER-de-train.tsv", "NER-de-dev.tsv"),
    "msra-ner": ("msra_train_bio", "msra_dev_bio"),
    "squad": ("train-v1.1.json", "dev-v1.1.json"),
    "squad2": ("train-v2.0.json", "dev-v2.0.json"),
    "cmrc2018": ("cmrc2018_train.json", "cmrc2018_dev.json"),
    "swag": ("train.csv", "val.csv"),
    "race": ("train", "dev"),
    "masked-lm": ("train.txt", "dev.txt"),
    "causal-lm": ("wiki.train.raw", "wiki.valid.raw"),
}


def write_data(task: str, folder: Path, *, train: int = 20, dev: int = 9) -> Path:
    """The training and dev files of a task, under their published names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, count) in enumerate(zip(NAMES.get(task, ("train.tsv", "dev.tsv")), (train, dev), strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        WRITERS[task](folder / name, Sample(number), count)
    return folder
