"""Pipelines take iterators, precisions and threads; what is wrong with a call is said, with what would be right."""

import itertools
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import pretrained
from pretrained import (
    AutoModelForPreTraining,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizer,
    ConfigurationError,
    InputError,
    pipeline,
)
from pretrained.errors import UnknownTaskError
from pretrained.runner.optimize import optimize
from tests.tokenization.sentencepiece_material import train
from tests.training.samples import write_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a head, over one tiny network."""
    root = tmp_path_factory.mktemp("calls")
    write_bert(root / "base")
    torch.manual_seed(4)
    for name, model_class, options in (
        ("classes", BertForSequenceClassification, {"num_labels": 3}),
        ("entails", BertForSequenceClassification, {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}),
        ("tags", BertForTokenClassification, {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}}),
        ("spans", BertForQuestionAnswering, {}),
        ("words", BertForMaskedLM, {}),
    ):
        model = model_class.from_pretrained(root / "base", **options)
        for parameter_name, parameter in model.named_parameters():
            if not parameter_name.startswith("bert."):
                torch.nn.init.normal_(parameter, std=0.5)
        model.save_pretrained(root / name)
        BertTokenizer.from_pretrained(root / "base").save_pretrained(root / name)
    return root


ASKED = {
    "text-classification": ("classes", ["good film", "bad film", "anna went to paris"], {}),
    "ner": ("tags", ["anna went to paris", "good film", "bad"], {}),
    "fill-mask": ("words", ["a [MASK] film", "[MASK] and [MASK]", "the [MASK]"], {}),
    "zero-shot-classification": ("entails", ["good film", "bad film", "anna"], {"candidate_labels": "good, bad"}),
    "question-answering": (
        "spans",
        [{"question": "who ?", "context": text} for text in ("anna went to paris .", "a film", "good and bad")],
        {"topk": 2},
    ),
    "feature-extraction": ("base", ["good film", "bad", "anna"], {}),
}


@pytest.mark.parametrize("task", ASKED)
def test_an_iterator_gives_what_a_list_gives_and_is_read_in_parts(folder: Path, task: str) -> None:
    name, inputs, options = ASKED[task]
    ask = pipeline(task, folder / name, **options)
    read: list[Any] = []

    def endless() -> Iterator[Any]:
        for each in itertools.cycle(inputs):
            read.append(each)
            yield each

    answers = ask(endless(), batch_size=2)
    assert not read  # nothing is done before it is asked for
    got = [next(answers) for _ in range(3)]
    assert len(read) == 4
    expected = ask(inputs)
    for one, other in zip(got, expected, strict=True):
        assert _rounded(one) == _rounded(other)
    assert list(ask(iter([]))) == []


def _rounded(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {key: _rounded(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_rounded(each) for each in answer]
    return pytest.approx(answer, abs=1e-5) if isinstance(answer, float) else answer


def test_texts_of_an_iterator_are_written_on_one_by_one(tmp_path: Path) -> None:
    from tests.cli.tiny import write_gpt2

    write = pipeline("text-generation", write_gpt2(tmp_path), max_length=9)
    read: list[str] = []
    answers = write(read.append(text) or text for text in ("The dog", "A", "B"))
    assert next(answers) == write("The dog")
    assert read == ["The dog"]


def test_a_wrong_input_of_an_iterator_is_counted(folder: Path) -> None:
    answers = pipeline("ner", folder / "tags")(iter(["a", "b", "c", 4]), batch_size=2)
    with pytest.raises(InputError, match="after 2 inputs were answered: input 1 must be a str, got int"):
        list(answers)


def test_precision_and_threads(folder: Path) -> None:
    text = "anna went to paris"
    exact = pipeline("ner", folder / "tags")(text, ignore_labels=[])
    with_threads = pipeline("ner", folder / "tags", threads=1)(text, ignore_labels=[])
    assert _rounded(with_threads) == _rounded(exact)
    half = pipeline("ner", folder / "tags", precision="bf16")
    model = BertForTokenClassification.from_pretrained(folder / "tags")
    inputs = half.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        scores = optimize(model, precision="bf16")(**inputs).logits.float().softmax(-1)[0, 1:-1].max(-1).values
    found = torch.tensor([each["score"] for each in half(text, ignore_labels=[])])
    assert torch.allclose(found, scores, atol=0.02)  # bfloat16 rounds otherwise where products have other shapes
    assert not torch.equal(found, torch.tensor([each["score"] for each in exact]))
    with pytest.raises(ConfigurationError, match="precision='half' is not known"):
        pipeline("ner", folder / "tags", precision="half")
    with pytest.raises(ConfigurationError, match="threads=0 must be at least 1"):
        pipeline("ner", folder / "tags", threads=0)


def test_devices_that_are_not_there(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"device='gpu' is not known; -1 or \"cpu\" is the CPU"):
        pipeline("ner", folder / "tags", device="gpu")
    with pytest.raises(ConfigurationError, match=r"device='cuda:99' is a GPU, and torch .* on this machine"):
        pipeline("ner", folder / "tags", device=99)
    assert pipeline("ner", folder / "tags", device=None).device.type == "cpu"


def test_a_model_without_the_head_is_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pretrained"):
        pipeline("ner", folder / "base")
    assert "was not trained for the task ner" in caplog.text
    assert f"pretrained finetune --task tokens --model {folder / 'base'} --data" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "pretrained"):
        pipeline("ner", folder / "tags")
        pipeline("feature-extraction", folder / "base")
    assert "was not trained" not in caplog.text


@pytest.mark.parametrize(
    ("task", "saved_for", "said"),
    [
        ("ner", "classes", "the task ner (its configuration names BertForSequenceClassification), so its answers"),
        ("text-classification", "tags", "text-classification (its configuration names BertForTokenClassification)"),
        ("zero-shot-classification", "tags", "pretrained finetune --task mnli --model"),
    ],
)
def test_a_model_with_the_head_of_another_task_is_warned_of(
    folder: Path, task: str, saved_for: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The tensors of both heads have the same names, so that none is missing."""
    with caplog.at_level(logging.WARNING, "pretrained"):
        pipeline(task, folder / saved_for)
    assert said in caplog.text


def test_heads_that_fit_a_task_are_not_warned_of(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    AutoModelForPreTraining.from_pretrained(folder / "words").save_pretrained(tmp_path)  # a language model's, and more
    shutil.copytree(folder / "tags", tmp_path / "unnamed")
    config = json.loads((tmp_path / "unnamed" / "config.json").read_text())
    del config["architectures"]
    (tmp_path / "unnamed" / "config.json").write_text(json.dumps(config))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "pretrained"):
        pipeline("fill-mask", tmp_path, tokenizer=str(folder / "words"))
        pipeline("ner", tmp_path / "unnamed")
    assert "was not trained" not in caplog.text


def test_top_k_has_the_shapes_of_later_releases(folder: Path) -> None:
    model = str(folder / "classes")
    ours, theirs = pipeline("text-classification", model), transformers.pipeline("text-classification", model)
    pair = {"text": "good film", "text_pair": "bad film"}
    for given in ("good film", ["good film"], ["good film", "anna"], pair, [pair]):
        for options in ({}, {"top_k": 1}, {"top_k": 2}, {"top_k": None}, {"top_k": 2, "function_to_apply": "sigmoid"}):
            if given is pair and not options:
                continue  # a list here, as for every single input; they give the dict
            assert _rounded(ours(given, **options)) == theirs(given, **options)
    for options in ({"top_k": None}, {"top_k": 1}):
        ours = pipeline("text-classification", model, **options)
        assert _rounded(ours("good film")) == transformers.pipeline("text-classification", model, **options)(
            "good film"
        )
    with pytest.raises(ConfigurationError, match="function_to_apply='relu' is not known; choose one of: softmax"):
        ours("good film", function_to_apply="relu")


def test_a_name_that_the_vocabulary_does_not_have_is_shown_as_it_is_written(folder: Path) -> None:
    model, text = str(folder / "tags"), "Zoë 🎈 went to Köln"
    for strategy in ("none", "simple", "first", "average", "max"):
        options = {"aggregation_strategy": strategy, "ignore_labels": []}
        found = pipeline("ner", model)(text, **options)
        theirs = transformers.pipeline("ner", model)(text, **options)
        assert [(each["word"], each["start"], each["end"]) for each in found] == [
            (each["word"], each["start"], each["end"]) for each in theirs
        ]
        assert "[UNK]" not in str(found)


@pytest.fixture(scope="module", params=["XLMRoberta", "XLNet"])
def sentencepiece(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A family whose pieces hold the blank before their word, and a folder for its models."""
    root = tmp_path_factory.mktemp(request.param)
    name = {"XLMRoberta": "sentencepiece.bpe.model", "XLNet": "spiece.model"}[request.param]
    special = ("<pad>", "<cls>", "<sep>", "<mask>", "<eop>", "<eod>") if request.param == "XLNet" else ()
    (root / name).write_bytes(train(vocab_size=120, symbols=special))
    getattr(pretrained, f"{request.param}Tokenizer")(root / name).save_pretrained(root)
    return request.param, root


def made(family: str, root: Path, head: str, **options: Any) -> Any:
    """A pipeline's model with random weights."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "initializer_range": 1.0}
    torch.manual_seed(0)
    config = getattr(pretrained, f"{family}Config")(vocab_size=200, **sizes, **options)
    getattr(pretrained, f"{family}{head}")(config).save_pretrained(root)
    return root


@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
def test_names_of_pieces_with_blanks_begin_and_end_with_a_character(
    sentencepiece: tuple[str, Path], strategy: str
) -> None:
    model = made(*sentencepiece, "ForTokenClassification", id2label={0: "O", 1: "B-PER", 2: "I-PER"})
    text = "anna lives in  paris , france x🎈 ."
    found = pipeline("ner", model)(text, aggregation_strategy=strategy, ignore_labels=[])
    places = [(each["start"], each["end"]) for each in found]
    assert all(text[start:end] == text[start:end].strip() for start, end in places)
    assert any(start and text[start - 1] == " " for start, _ in places)
    if strategy == "none":  # theirs ends such a piece one further
        theirs = transformers.pipeline("ner", str(model))(text, ignore_labels=[])
        starts = [(each["word"], each["start"]) for each in theirs]
        assert [(each["word"], each["start"]) for each in found] == starts


def test_answers_of_pieces_with_blanks_begin_and_end_with_a_character(sentencepiece: tuple[str, Path]) -> None:
    model = made(*sentencepiece, "ForQuestionAnswering")
    context = "anna lives in  paris , france ."
    for align in (True, False):
        found = pipeline("question-answering", model)(
            question="where ?", context=context, topk=40, align_to_words=align
        )
        assert all(each["answer"] == each["answer"].strip() for each in found)
        assert all(each["answer"] == context[each["start"] : each["end"]] for each in found)
        assert any(each["start"] and context[each["start"] - 1] == " " for each in found)
        assert len({(each["start"], each["end"]) for each in found}) == len(found)


def test_targets_that_the_vocabulary_lacks_are_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = pipeline("fill-mask", folder / "words")
    with caplog.at_level(logging.WARNING, "pretrained"):
        found = words("a [MASK]", targets=["film", "unbelievable😀x", "film-😀", ""])
    assert [each["token_str"] for each in found] == ["film"]
    for left_out in ("'unbelievable😀x'", "'film-😀'", "''"):
        assert f"the vocabulary has no pieces for the target {left_out}, so it is left out" in caplog.text
    with pytest.raises(InputError, match=r"targets=\['x😀'\] has no word of this vocabulary"):
        words("a [MASK]", targets="x😀")
    assert [each["token_str"] for each in words("a [MASK]", targets=["[UNK]"])] == ["[UNK]"]  # asked for by its name


def test_a_text_ends_with_the_models_positions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from tests.cli.tiny import write_gpt2

    write = pipeline("text-generation", write_gpt2(tmp_path, positions=16), return_tensors=True, eos_token_id=10**6)
    for options in ({"max_length": 40}, {"max_new_tokens": 40}, {"max_length": 40, "num_beams": 2}):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "pretrained"):
            (found,) = write("The dog", **options)
        assert len(found["generated_token_ids"]) == 16
        assert "the text ends after 16: the model has no more positions" in caplog.text
    caplog.clear()
    assert len(write("The dog", max_length=16)[0]["generated_token_ids"]) == 16
    assert len(write("", max_length=40)[0]["generated_token_ids"]) == 16
    with pytest.raises(InputError, match="the sequence has 30 tokens, the model has positions for 16"):
        write("x" * 30, max_new_tokens=5)


def test_mistakes_are_answered_with_what_would_be_right(folder: Path) -> None:
    tags = folder / "tags"
    with pytest.raises(UnknownTaskError, match="did you mean ner"):
        pipeline("NER", tags)
    with pytest.raises(UnknownTaskError, match="did you mean text-classification"):
        pipeline("text_classification", tags)
    with pytest.raises(UnknownTaskError, match=r"the task comes first: pipeline\('ner', 'some-model'\)"):
        pipeline("some-model", "ner")
    with pytest.raises(UnknownTaskError, match="no pipeline None"):
        pipeline(None, tags)
    with pytest.raises(TypeError, match=r"no option agregation_strategy \(did you mean aggregation_strategy\?\)"):
        pipeline("ner", "no-such-model", agregation_strategy="first")  # before the model is looked for
    with pytest.raises(ConfigurationError, match=r"'frist' is not known \(did you mean first\?\)"):
        pipeline("ner", tags, aggregation_strategy="frist")
    with pytest.raises(InputError, match="input 0 must be a str, got list; give several texts as a list"):
        pipeline("ner", tags)([["a"]])
    words = pipeline("fill-mask", folder / "words")
    with pytest.raises(InputError, match="top_k=0 must be at least 1"):
        words("a [MASK]", top_k=0)
    with pytest.raises(InputError, match="targets must be words, got int: 3"):
        words("a [MASK]", targets=[3])
    for nothing in ("\u200b", "\n\u200b ", ""):
        for options in ({}, {"handle_impossible_answer": True}, {"topk": 2}):
            with pytest.raises(InputError, match="input 0: context must be a text that is not empty"):
                pipeline("question-answering", folder / "spans")(question="who ?", context=nothing, **options)
    with pytest.raises(InputError, match="nothing else in braces"):
        pipeline("zero-shot-classification", folder / "entails")("a", ["b"], hypothesis_template="{label}")


def test_many_masked_texts_need_memory_for_their_masks_only(folder: Path) -> None:
    """The scores of every token against the vocabulary never stand in memory together."""
    words = pipeline("fill-mask", folder / "words", top_k=1)
    sizes: list[int] = []
    kept = words._run

    def watched(*arguments: Any, **options: Any) -> Any:
        found = kept(*arguments, **options)
        sizes.extend(values.untyped_storage().nbytes() // values.element_size() for (values,) in found)
        return found

    words._run = watched
    words(["good film " * 20 + "[MASK]"] * 8)
    assert sizes == [words.model.config.vocab_size] * 8
