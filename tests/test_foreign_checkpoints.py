"""Do folders that others have written load whole, and give what `transformers` gives?"""

import pytest
import torch

from pretrained import AutoModel, AutoModelForTokenClassification, AutoTokenizer, BertModel

transformers = pytest.importorskip("transformers")


def assert_equal_outputs(ours, theirs):
    ids = torch.randint(0, ours.config.vocab_size, (2, 9))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids)[0], theirs.eval()(ids)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["bert-xsmall-dummy", "camphr-ner-bert"])
def test_networks(shared_data, name):
    folder = shared_data / "checkpoints" / name
    ours, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert type(ours) is BertModel
    # a model that was saved for tagging has no pooler, which no tagger uses
    assert [key for key in info["missing_keys"] if not key.startswith("pooler.")] == []
    ids = torch.randint(0, ours.config.vocab_size, (2, 9))
    theirs = transformers.BertModel.from_pretrained(folder, use_safetensors=False).eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(ids)[0], theirs(ids)[0], atol=1e-5, rtol=1e-5)


def test_a_tagger(shared_data):
    folder = shared_data / "checkpoints" / "camphr-ner-bert"
    ours = AutoModelForTokenClassification.from_pretrained(folder, strict=True)
    assert ours.config.id2label[8] == "I-LOC"
    assert_equal_outputs(ours, transformers.BertForTokenClassification.from_pretrained(folder, use_safetensors=False))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    theirs = transformers.BertTokenizer.from_pretrained(folder)
    text = "Alex and the [MASK] went to Tokyo, 東京."
    assert tokenizer.encode(text) == theirs.encode(text)


def test_a_real_model(minilm):
    ours = BertModel.from_pretrained(minilm, strict=False)
    assert ours.load_report.missing == []
    assert_equal_outputs(ours, transformers.BertModel.from_pretrained(minilm))
