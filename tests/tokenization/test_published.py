"""Does a tokenizer class know the checkpoints that it was published with, as old code asks it?"""

from pretrained import BertJapaneseTokenizer, BertTokenizer, GPT2Tokenizer, TransfoXLTokenizer


def test_the_longest_inputs():
    assert BertTokenizer.max_model_input_sizes["bert-base-uncased"] == 512
    assert GPT2Tokenizer.max_model_input_sizes["distilgpt2"] == 1024
    assert TransfoXLTokenizer.max_model_input_sizes == {"transfo-xl-wt103": None}
    assert "cl-tohoku/bert-base-japanese" not in BertTokenizer.max_model_input_sizes


def test_constructor_arguments():
    assert BertTokenizer.pretrained_init_configuration["bert-base-cased"] == {"do_lower_case": False}
    japanese = BertJapaneseTokenizer.pretrained_init_configuration["cl-tohoku/bert-base-japanese-char"]
    assert japanese["subword_tokenizer_type"] == "character"


def test_they_are_there_on_an_instance_too(minilm):
    assert BertTokenizer.from_pretrained(minilm).max_model_input_sizes["bert-large-uncased"] == 512
