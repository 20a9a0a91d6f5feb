"""Does a file name claim the role that it was published for?"""

import pytest

from pretrained.hub.names import claim, shard_index, shard_names, tf1_stem


@pytest.mark.parametrize(
    ("name", "role", "published", "prefix"),
    [
        ("config.json", "config", "config.json", ""),
        ("Config.JSON", "config", "config.json", ""),
        ("config (1).json", "config", "config.json", ""),
        ("config - Copy.json", "config", "config.json", ""),
        ("bert-base-uncased-config.json", "config", "config.json", "bert-base-uncased-"),
        ("bert_config.json", "config", "config.json", "bert_"),
        ("tokenizer_config.json", "tokenizer", "tokenizer_config.json", ""),
        ("bert-base-uncased-tokenizer_config.json", "tokenizer", "tokenizer_config.json", "bert-base-uncased-"),
        ("generation_config.json", "side", "generation_config.json", ""),
        ("data_config.json", "side", "data_config.json", ""),
        ("gpt2-vocab.json", "tokenizer", "vocab.json", "gpt2-"),
        ("gpt2-merges.txt", "tokenizer", "merges.txt", "gpt2-"),
        ("xlnet-base-cased-spiece.model", "tokenizer", "spiece.model", "xlnet-base-cased-"),
        ("transfo-xl-wt103-vocab.bin", "tokenizer", "vocab.bin", "transfo-xl-wt103-"),
        ("sentencepiece.bpe.model", "tokenizer", "sentencepiece.bpe.model", ""),
        ("model.safetensors", "weights", "model.safetensors", ""),
        ("bert-base-uncased-pytorch_model.bin", "weights", "pytorch_model.bin", "bert-base-uncased-"),
        ("model.safetensors.index.json", "index", "model.safetensors.index.json", ""),
        ("model-00001-of-00002.safetensors", "shard", "", ""),
        ("pytorch_model-00001-of-00002.bin", "shard", "", ""),
        ("adapter_model.bin", "adapter", "adapter_model.bin", ""),
        ("adapter_config.json", "adapter", "adapter_config.json", ""),
        ("training_args.bin", "training", "training_args.bin", ""),
        ("optimizer.pt", "training", "", ""),
        ("optimizer.bin", "training", "", ""),
        ("scheduler.pt", "training", "", ""),
        ("rng_state_0.pth", "training", "", ""),
        ("scaler.pt", "training", "", ""),
        ("rust_model.ot", "other", "rust_model.ot", ""),
        ("model.onnx", "other", "", ""),
        ("openvino_model.bin", "other", "openvino_model.bin", ""),
        ("tf_model.h5", "other", "tf_model.h5", ""),
        ("bert-base-uncased-tf_model.h5", "other", "tf_model.h5", "bert-base-uncased-"),
        ("bert_model.ckpt.index", "other", "", ""),
        ("model.ckpt-1.data-00000-of-00002", "other", "", ""),
        ("model.safetensors.part", "unfinished", "model.safetensors", ""),
        ("pytorch_model.bin.crdownload", "unfinished", "pytorch_model.bin", ""),
        ("README.md", "", "", ""),
        ("model.pth", "", "", ""),
        ("myconfig.json", "", "", ""),
    ],
)
def test_claim(name: str, role: str, published: str, prefix: str) -> None:
    found = claim(name)
    assert (found.role, found.published, found.prefix) == (role, published, prefix)


def test_other_formats_are_named() -> None:
    assert claim("flax_model.msgpack").detail == "Flax weights (msgpack)"
    assert claim("bert_model.ckpt.meta").detail == "a TensorFlow 1 checkpoint"
    assert claim("openvino_model.bin").detail == "an OpenVINO graph"
    assert claim("model_state.pdparams").detail == "PaddlePaddle weights"


def test_shards() -> None:
    assert shard_names("my-model-00002-of-00003.safetensors") == [
        f"my-model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)
    ]
    assert shard_names("m-00000-of-00002.bin", first=0) == ["m-00000-of-00002.bin", "m-00001-of-00002.bin"]
    assert shard_names("model.safetensors") == []
    assert shard_index("my-model-00002-of-00003.safetensors") == "my-model.safetensors.index.json"
    assert shard_index("model.safetensors") == ""


def test_tf1_stem() -> None:
    assert tf1_stem("model.ckpt-1.data-00000-of-00002") == "model.ckpt-1"
    assert tf1_stem("bert_model.ckpt.index") == "bert_model.ckpt"
    assert tf1_stem("book.index") is None
