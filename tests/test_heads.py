"""Do the tasks reach every family's network with the same inputs, however these are passed?"""

import inspect

import pytest
import torch

from pretrained import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForSequenceClassification,
    RobertaForSequenceClassification,
    XLMConfig,
    XLMForMultipleChoice,
    XLMForTokenClassification,
)
from pretrained.heads import ForSequenceClassification, ForTokenClassification

SIZES = {"vocab_size": 30, "max_position_embeddings": 12}


def bert(cls, **options):
    torch.manual_seed(0)
    config = BertConfig(
        **SIZES, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, **options
    )
    return cls(config).eval()


def xlm(cls):
    torch.manual_seed(0)
    return cls(XLMConfig(**SIZES, emb_dim=8, n_layers=1, n_heads=2, n_langs=3)).eval()


def names(cls):
    return list(inspect.signature(cls.forward).parameters)


def test_each_family_shows_its_own_inputs():
    assert "langs" in names(XLMForTokenClassification)
    assert "labels" in names(XLMForTokenClassification)
    assert "langs" not in names(BertForSequenceClassification)
    assert names(ForTokenClassification) == ["self", "inputs", "labels", "return_dict", "options"]
    assert BertForSequenceClassification.forward is not RobertaForSequenceClassification.forward
    assert BertForSequenceClassification.forward.__qualname__ == "BertForSequenceClassification.forward"
    assert BertForSequenceClassification.forward.__doc__ == ForSequenceClassification.forward.__doc__


def test_inputs_by_position_are_those_by_name():
    model, ids = xlm(XLMForTokenClassification), torch.randint(3, 30, (2, 5))
    mask, langs = torch.ones(2, 5), torch.ones(2, 5, dtype=torch.long)
    labels = torch.ones(2, 5, dtype=torch.long)
    mask[1, 3:] = 0
    by_name = model(input_ids=ids, attention_mask=mask, langs=langs, labels=labels)
    by_position = model(ids, mask, langs, labels=labels)
    assert torch.equal(by_position.loss, by_name.loss)
    assert not torch.equal(model(ids, mask, labels=labels).loss, by_name.loss)


def test_inputs_that_nobody_takes():
    model, ids = bert(BertForMaskedLM), torch.randint(3, 30, (2, 5))
    with pytest.raises(TypeError, match=r"BertForMaskedLM got \['input_ids'\] twice"):
        model(ids, input_ids=ids)
    before = names(BertForMaskedLM).index("return_dict") - 1
    with pytest.raises(TypeError, match=f"takes {before} inputs by position, got {before + 1}"):
        model(ids, *[None] * before)
    with pytest.raises(TypeError, match="langs"):
        model(ids, langs=ids)


@pytest.mark.parametrize("model", [bert(BertForMultipleChoice), xlm(XLMForMultipleChoice)])
def test_choices_become_rows_by_position_or_name(model):
    ids = torch.randint(3, 30, (2, 3, 5))
    mask = torch.ones_like(ids)
    mask[0, 1, 2:] = 0
    rows = [model(ids[:, [choice]], attention_mask=mask[:, [choice]]).logits for choice in range(3)]
    for out in (model(ids, mask), model(input_ids=ids, attention_mask=mask)):
        torch.testing.assert_close(out.logits, torch.cat(rows, 1))


def test_the_scoring_layer_is_found_by_its_published_name():
    model = bert(BertForMaskedLM)
    assert model.get_output_embeddings() is model.cls.predictions.decoder
    new = torch.nn.Linear(8, 30)
    model.set_output_embeddings(new)
    assert model.cls.predictions.decoder is new
    assert bert(BertForSequenceClassification).get_output_embeddings() is None
