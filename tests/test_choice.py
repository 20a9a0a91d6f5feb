"""Which class do the Auto classes choose, and do they say why?"""

import json
from pathlib import Path

import pytest
import torch

import pretrained
from pretrained import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    ConfigurationError,
    ModelFileNotFoundError,
    TokenizationError,
    registry,
    resolve,
)
from pretrained.checkpoints import save_checkpoint
from pretrained.choice import choose_family, choose_tokenizer
from tests.contract.test_families import small
from tests.tokenization.sentencepiece_material import train

FAMILIES = list(registry.families())


def saved(model_type: str, folder: Path, *, forget: tuple[str, ...] = ("model_type", "architectures")) -> Path:
    """A network of a family in a folder whose name says nothing; the configuration forgets keys."""
    family = registry.family(model_type)
    model = registry.load(family, family.models["Model"])(small(family))
    model.save_pretrained(folder)
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    config = {key: value for key, value in config.items() if key not in forget}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_model_type_counts_more_than_architectures(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlnet", "architectures": ["BertModel"]}))
    assert choose_family(resolve(tmp_path)).family.model_type == "xlnet"


def test_architectures_count_more_than_keys_and_name(tmp_path):
    folder = saved("bert", tmp_path / "my-gpt2", forget=("model_type",))
    chosen = choose_family(resolve(folder))
    assert chosen.family.model_type == "bert"
    assert chosen.reason == "config.json says architectures='BertModel'"


@pytest.mark.parametrize("model_type", FAMILIES)
def test_keys_and_tensors_tell_a_family_without_its_name(model_type, tmp_path):
    family = registry.family(model_type)
    head = registry.load(family, next(target for task, target in family.models.items() if task != "Model"))
    folder = saved(model_type, tmp_path / "checkpoint")
    head(small(family)).save_pretrained(tmp_path / "head")
    (folder / "model.safetensors").write_bytes((tmp_path / "head" / "model.safetensors").read_bytes())
    chosen = choose_family(resolve(folder))
    # a child without keys and tensors of its own is its parent's network
    assert chosen.family.model_type == {"camembert": "roberta", "xlm-roberta": "roberta"}.get(model_type, model_type)
    assert "config.json has the keys of" in chosen.reason


def test_keys_count_more_than_the_name_and_the_name_decides_among_equals(tmp_path):
    assert choose_family(resolve(saved("xlnet", tmp_path / "my-gpt2"))).family.model_type == "xlnet"
    chosen = choose_family(resolve(saved("camembert", tmp_path / "my-camembert")))
    assert chosen.family.model_type == "camembert"
    assert "contains 'camembert'" in chosen.reason


def test_tensors_tell_where_the_configuration_has_no_known_keys(tmp_path):
    (tmp_path / "config.json").write_text('{"some": "keys"}')
    save_checkpoint({"transformer.h.0.attn.c_attn.weight": torch.zeros(1), "wpe.weight": torch.zeros(1)}, tmp_path)
    chosen = choose_family(resolve(tmp_path))
    assert chosen == (registry.family("gpt2"), "the weights have a tensor called wpe.weight")
    save_checkpoint({"something.weight": torch.zeros(1)}, tmp_path)
    with pytest.raises(ConfigurationError, match="neither tensors nor name tell"):
        choose_family(resolve(tmp_path))


def test_the_reason_stands_in_the_report(tmp_path):
    model = AutoModel.from_pretrained(saved("gpt2", tmp_path / "checkpoint"))
    assert any(note.startswith("GPT2Model was chosen: config.json has the keys") for note in model.load_report.notes)


def test_a_configuration_that_decides_leaves_the_weights_closed(tmp_path):
    folder = saved("gpt2", tmp_path / "checkpoint")
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert AutoConfig.from_pretrained(folder).model_type == "gpt2"


# -- vocabularies without a configuration


def bpe(folder: Path, *tokens: str, names: tuple[str, str] = ("vocab.json", "merges.txt")) -> Path:
    folder.mkdir(exist_ok=True)
    vocab = {token: index for index, token in enumerate([*tokens, "a", "b"])}
    (folder / names[0]).write_text(json.dumps(vocab), encoding="utf-8")
    (folder / names[1]).write_text("#version: 0.2\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        (("<|endoftext|>",), "GPT2Tokenizer"),
        (("<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"), "RobertaTokenizer"),
        (("<unk>", "the</w>"), "OpenAIGPTTokenizer"),
        (("<unk>", "Wikipedia", "Horror", "Relationships"), "CTRLTokenizer"),
    ],
)
def test_tokens_tell_byte_pair_encodings(tokens, wanted, tmp_path):
    files = resolve(bpe(tmp_path / "vocabulary", *tokens))
    assert choose_tokenizer(files).__name__ == wanted
    assert any("there is vocab.json with the tokens" in note for note in files.notes)


def test_the_names_of_the_authors_count_too(tmp_path):
    folder = bpe(tmp_path / "vocabulary", "<|endoftext|>", names=("encoder.json", "vocab.bpe"))
    assert type(AutoTokenizer.from_pretrained(folder)) is pretrained.GPT2Tokenizer
    folder = bpe(tmp_path / "other", "the</w>", "<unk>", names=("encoder_bpe_40000.json", "vocab_40000.bpe"))
    assert choose_tokenizer(resolve(folder)) is pretrained.OpenAIGPTTokenizer


def test_classes_that_cannot_be_told_apart_are_named_unless_the_name_tells(tmp_path):
    tokens = ("<s>", "</s>", "<pad>", "<unk>", *(f"<special{number}>" for number in range(10)))
    with pytest.raises(TokenizationError, match=r"fits FlaubertTokenizer, XLMTokenizer\. Use the class itself"):
        AutoTokenizer.from_pretrained(bpe(tmp_path / "vocabulary", *tokens))
    assert choose_tokenizer(resolve(bpe(tmp_path / "my-flaubert", *tokens))) is pretrained.FlaubertTokenizer


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        (("[CLS]", "[SEP]", "[MASK]", "<pad>"), "AlbertTokenizer"),
        (("<sep>", "<cls>", "<eop>", "<eod>"), "XLNetTokenizer"),
    ],
)
def test_pieces_tell_sentencepiece_models(tokens, wanted, tmp_path):
    (tmp_path / "spiece.model").write_bytes(train(control_symbols=",".join(tokens)))
    assert choose_tokenizer(resolve(tmp_path)).__name__ == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("spiece.model", "fits AlbertTokenizer, XLNetTokenizer"),
        ("sentencepiece.bpe.model", "fits CamembertTokenizer, XLMRobertaTokenizer"),
    ],
)
def test_pieces_that_tell_nothing_leave_the_candidates(name, wanted, tmp_path):
    (tmp_path / name).write_bytes(train())
    with pytest.raises(TokenizationError, match=wanted):
        choose_tokenizer(resolve(tmp_path))


def test_a_list_of_word_pieces_is_bert_s_and_a_pickle_is_transformer_xl_s(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhere\n")
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is pretrained.BertTokenizer
    golden = Path(__file__).parent / "goldens" / "transfo_xl_tokenizer" / "vocab.pkl"
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "vocab.pkl").write_bytes(golden.read_bytes())
    assert type(AutoTokenizer.from_pretrained(tmp_path / "pickled")) is pretrained.TransfoXLTokenizer


def test_an_old_configuration_leaves_the_choice_to_the_vocabulary(tmp_path):
    folder = bpe(saved("roberta", tmp_path / "checkpoint"), "<s>", "</s>", "<pad>", "<unk>", "<mask>")
    (folder / "model.safetensors").unlink()
    assert type(AutoTokenizer.from_pretrained(folder)) is pretrained.RobertaTokenizer


def test_no_vocabulary_at_all_says_what_is_looked_for(tmp_path):
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ModelFileNotFoundError, match=r"spiece\.model.*vocab\.json.*there is merges\.txt"):
        AutoTokenizer.from_pretrained(tmp_path)


def test_a_published_name_knows_its_class(tmp_path):
    """Japanese BERT's configuration says no more than bert."""
    cached = tmp_path / "models--cl-tohoku--bert-base-japanese"
    snapshot = cached / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text('{"model_type": "bert"}')
    (snapshot / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    files = resolve("cl-tohoku/bert-base-japanese", cache_dir=tmp_path)
    assert choose_tokenizer(files) is pretrained.BertJapaneseTokenizer


def test_a_folder_with_a_published_name_may_hold_another_model(tmp_path, monkeypatch):
    folder = bpe(tmp_path / "gpt2", "<s>", "</s>", "<pad>", "<unk>", "<mask>")
    monkeypatch.chdir(tmp_path)
    assert choose_tokenizer(resolve("gpt2")) is pretrained.RobertaTokenizer
    (folder / "config.json").write_text('{"model_type": "roberta"}')
    assert choose_tokenizer(resolve("gpt2")) is pretrained.RobertaTokenizer
