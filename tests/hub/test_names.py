"""Does a file name claim the role that it was published for?"""

import pytest

from pretrained.hub.names import TF_CHECKPOINT, claim, data_count, data_files, shard_index, shard_names, whole


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
        ("saved_model.pb", "other", "saved_model.pb", ""),
        ("tf_model.h5", "weights", "tf_model.h5", ""),
        ("bert-base-uncased-tf_model.h5", "weights", "tf_model.h5", "bert-base-uncased-"),
        ("TF_Model (2).H5", "weights", "tf_model.h5", ""),
        ("tf_model.h5.index.json", "index", "tf_model.h5.index.json", ""),
        ("tf_model-00001-of-00002.h5", "shard", "", ""),
        ("flax_model.msgpack", "weights", "flax_model.msgpack", ""),
        ("flax_model.msgpack.index.json", "index", "flax_model.msgpack.index.json", ""),
        ("flax_model-00001-of-00002.msgpack", "shard", "", ""),
        ("opt_state.msgpack", "training", "", ""),
        ("bert_model.ckpt.index", "weights", TF_CHECKPOINT, ""),
        ("model.ckpt-1000.index", "weights", TF_CHECKPOINT, ""),
        ("model.ckpt-1.data-00000-of-00002", "part", "", ""),
        ("electra_small.data-00000-of-00001", "part", "", ""),
        ("bert_model.ckpt.meta", "part", "", ""),
        ("params_shapes.json", "weights", "params_shapes.json", ""),
        ("params_3.npy", "part", "", ""),
        ("book.index", "", "", ""),
        ("weights.h5", "", "", ""),
        ("model.safetensors.part", "unfinished", "model.safetensors", ""),
        ("pytorch_model.bin.crdownload", "unfinished", "pytorch_model.bin", ""),
        ("config.json?download=true", "config", "config.json", ""),
        ("bert-vocab.txt@download=true", "tokenizer", "vocab.txt", "bert-"),
        ("pytorch_model.bin?download=true.crdownload", "unfinished", "pytorch_model.bin?download=true", ""),
        ("config.json.txt", "config", "config.json", ""),
        ("Config (1).json.TXT", "config", "config.json", ""),
        ("vocab.txt.txt", "tokenizer", "vocab.txt", ""),
        ("pytorch_model-00001-of-00002 (1).bin", "shard", "", ""),
        ("model-00001-of-00002.safetensors.txt", "shard", "", ""),
        ("me@home.txt", "", "", ""),
        ("notes.bin.txt", "", "", ""),
        ("README.md", "", "", ""),
        ("model.pth", "", "", ""),
        ("myconfig.json", "", "", ""),
    ],
)
def test_claim(name: str, role: str, published: str, prefix: str) -> None:
    found = claim(name)
    assert (found.role, found.published, found.prefix) == (role, published, prefix)


def test_other_formats_are_named() -> None:
    assert claim("saved_model.pb").detail == "a TensorFlow graph"
    assert claim("bert_model.ckpt.meta").detail == "the graph of a TensorFlow checkpoint, without its numbers"
    assert claim("openvino_model.bin").detail == "an OpenVINO graph"
    assert claim("model_state.pdparams").detail == "PaddlePaddle weights"


def test_shards() -> None:
    assert shard_names("my-model-00002-of-00003.safetensors") == [
        f"my-model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)
    ]
    assert shard_names("m-00000-of-00002.bin", first=0) == ["m-00000-of-00002.bin", "m-00001-of-00002.bin"]
    assert shard_names("model.safetensors") == []
    assert shard_names("m-00002-of-00002 (1).bin") == ["m-00001-of-00002.bin", "m-00002-of-00002.bin"]
    assert shard_index("m-00002-of-00002 - Copy.bin") == "m.bin.index.json"
    assert shard_index("my-model-00002-of-00003.safetensors") == "my-model.safetensors.index.json"
    assert shard_index("model.safetensors") == ""
    assert shard_names("tf_model-00001-of-00002.h5")[1] == "tf_model-00002-of-00002.h5"
    assert shard_index("flax_model-00001-of-00002.msgpack") == "flax_model.msgpack.index.json"


def test_parts() -> None:
    assert data_count("m.ckpt-1.data-00001-of-00002") == 2
    assert data_count("m.ckpt-1.index") == data_count("model.safetensors") == 0
    assert data_files("m.ckpt-1", 2) == [f"m.ckpt-1.data-0000{n}-of-00002" for n in (0, 1)]
    assert whole("model.ckpt-1.data-00000-of-00002") == "model.ckpt-1.index"
    assert whole("bert_model.ckpt.meta") == "bert_model.ckpt.index"
    assert whole("params_7.npy") == "params_shapes.json"
    assert whole("bert_model.ckpt.index") == whole("model.safetensors") == ""
