"""Which files of a model are fetched: those that are needed, and one format of the weights?"""

import pytest

from pretrained.hub.download.plan import needed

SIDE = ["config.json", "tokenizer_config.json", "vocab.txt"]
CARD = ["README.md", "LICENSE.txt"]
OTHERS = [".gitattributes", "docs/README.md", "rust_model.ot", "onnx/model.onnx", "optimizer.pt", "training_args.bin"]
SHARDS = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
CKPT = ["bert_model.ckpt.data-00000-of-00001", "bert_model.ckpt.index", "bert_model.ckpt.meta"]


@pytest.mark.parametrize(
    ("weights", "format", "chosen"),
    [
        (["model.safetensors"], "safetensors", ["model.safetensors"]),
        (["pytorch_model.bin"], "bin", ["pytorch_model.bin"]),
        (["tf_model.h5"], "h5", ["tf_model.h5"]),
        (["flax_model.msgpack"], "msgpack", ["flax_model.msgpack"]),
        (CKPT, "ckpt", CKPT),
        (
            [*SHARDS, "model.safetensors.index.json"],
            "safetensors",
            [*SHARDS, "model.safetensors.index.json"],
        ),
        (["model.safetensors", *SHARDS], "safetensors", ["model.safetensors"]),
        (["model.fp16.safetensors", "pytorch_model.bin"], "bin", ["pytorch_model.bin"]),
        (["own_name.safetensors"], "safetensors", ["own_name.safetensors"]),
        (["a.safetensors", "b.safetensors"], None, []),
        ([], None, []),
    ],
)
def test_one_format(weights: list[str], format: str | None, chosen: list[str]) -> None:
    names = [*CARD, *OTHERS, *weights, *SIDE]
    found = needed(names)
    assert found.format == format
    assert list(found.names) == [*SIDE, *(CARD if chosen else []), *chosen]  # the licence goes where the model goes
    assert list(needed(names, weights=False).names) == SIDE


ALL_FORMATS = ["flax_model.msgpack", "model.safetensors", "pytorch_model.bin", "tf_model.h5", *CKPT]


def test_the_order_of_formats() -> None:
    left = list(ALL_FORMATS)
    for format in ("safetensors", "bin", "h5", "msgpack", "ckpt"):
        found = needed([*left, *SIDE])
        assert found.format == format
        assert found.formats[0] == format
        left = [name for name in left if name not in found.names]


@pytest.mark.parametrize("format", ["safetensors", "bin", "h5", "msgpack", "ckpt"])
def test_a_chosen_format(format: str) -> None:
    found = needed([*ALL_FORMATS, *SIDE], format=format)
    assert found.format == format
    assert len([name for name in found.names if name not in SIDE]) == (3 if format == "ckpt" else 1)


def test_a_format_that_is_not_there() -> None:
    found = needed(["model.safetensors", *SIDE], format="h5")
    assert (found.format, found.formats) == (None, ("safetensors",))


def test_all_files_with_the_weights_last() -> None:
    names = [*ALL_FORMATS, *SIDE, *OTHERS]
    found = needed(names, everything=True)
    assert sorted(found.names) == sorted(names)
    assert found.names[-1] == "model.safetensors"


def test_a_model_of_sentence_transformers() -> None:
    parts = ["1_Pooling/config.json", "2_Dense/config.json", "2_Dense/pytorch_model.bin"]
    names = [*SIDE, "modules.json", "sentence_roberta_config.json", "model.safetensors", "pytorch_model.bin", *parts]
    found = needed([*names, *OTHERS])
    assert set(found.names) == {*names} - {"pytorch_model.bin"}
    older = [f"0_Transformer/{name}" for name in (*SIDE, "pytorch_model.bin")] + ["modules.json", *parts[:1]]
    assert set(needed([*older, *OTHERS]).names) == set(older)


def test_a_subfolder() -> None:
    names = [f"large/{name}" for name in (*SIDE, "model.safetensors", "README.md")] + ["model.safetensors", *SIDE]
    found = needed(names, subfolder="large")
    assert list(found.names) == [f"large/{name}" for name in (*SIDE, "README.md", "model.safetensors")]
    assert needed(names, subfolder="small").names == ()
