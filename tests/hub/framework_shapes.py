"""Which shapes may the weights of other frameworks and the first releases of models have?"""

from collections.abc import Callable, Mapping

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsafeFileError
from tests.hub.material import HTML_PAGE, LFS_POINTER, Material
from tests.hub.shape import (
    H5_SHARDS,
    MSGPACK_SHARDS,
    Build,
    Fails,
    Shape,
    cached_files,
    corrupt,
    data_links_outside,
    h5_newer,
    plain,
)


def no_safetensors(files: Callable[[Material], Mapping[str, bytes]], named: str = "") -> Build:
    """The configuration and the vocabulary of today with these files."""
    return plain(lambda m: {"config.json": m.config_bytes(), "vocab.txt": m.vocab_bytes()} | dict(files(m)), named)


def all_five(m: Material) -> dict[str, bytes]:
    single = {"pytorch_model.bin": m.pytorch_bin, "tf_model.h5": m.h5, "flax_model.msgpack": m.msgpack}
    return {"model.safetensors": m.safetensors} | single | m.checkpoint()


def some_of(*endings: str, shards: bool = False) -> Callable[[Material], dict[str, bytes]]:
    """The files of Google's BERT but for those that end so."""
    return lambda m: {name: data for name, data in m.google(shards=shards).items() if not name.endswith(endings)}


def two_checkpoints(m: Material) -> dict[str, bytes]:
    return m.checkpoint("model.ckpt-1000") | m.checkpoint("model.ckpt-2000")


GPT2_HPARAMS = {"n_vocab": 8, "n_ctx": 16, "n_embd": 8, "n_head": 2, "n_layer": 1}
GPT_SHAPES = [[16, 64], [8, 64], *([4] for _ in range(12))]
XLNET_CONFIG = {"d_head": 4, "d_inner": 12, "d_model": 8, "ff_activation": "gelu", "n_head": 2, "n_layer": 1}
ALBERT_KEYS = {"embedding_size": 4, "num_hidden_groups": 1, "inner_group_num": 1, "net_structure_type": 0}
T2T_HPARAMS = {"hidden_size": 16, "num_hidden_layers": 2, "layer_prepostprocess_dropout": 0.1}
SENTENCEPIECE = b"\n\x0e\n\x05<pad>\x15\0\0\0\0\x18\x03\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02"
ARRAY = b"\x93NUMPY\x01\0v\0"


def gpt(m: Material) -> dict[str, bytes]:
    arrays = {f"params_{n}.npy": ARRAY for n in range(10)}
    return arrays | {
        "params_shapes.json": m.json(GPT_SHAPES),
        "encoder_bpe_40000.json": m.json({"a</w>": 0}),
        "vocab_40000.bpe": b"#version: 0.2\na b\n",
    }


def gpt2(m: Material) -> dict[str, bytes]:
    return m.checkpoint("model.ckpt") | {
        "checkpoint": b'model_checkpoint_path: "model.ckpt"\n',
        "encoder.json": m.json({"a": 0}),
        "hparams.json": m.json(GPT2_HPARAMS),
        "vocab.bpe": b"#version: 0.2\na b\n",
    }


def albert(m: Material) -> dict[str, bytes]:
    config = {key: value for key, value in m.config.items() if key not in ("model_type", "architectures")}
    return m.checkpoint("model.ckpt-best") | {
        "30k-clean.model": SENTENCEPIECE,
        "30k-clean.vocab": b"<pad>\t0\n<unk>\t0\n",
        "albert_config.json": m.json(config | ALBERT_KEYS),
    }


def xlnet(m: Material) -> dict[str, bytes]:
    config = XLNET_CONFIG | {"n_token": 8, "untie_r": True}
    return m.checkpoint("xlnet_model.ckpt") | {"spiece.model": SENTENCEPIECE, "xlnet_config.json": m.json(config)}


OTHER_FRAMEWORKS = (
    # TensorFlow 2 and Flax.
    Shape("only tf_model.h5", no_safetensors(lambda m: {"tf_model.h5": m.h5}), weights=("tf_model.h5",)),
    Shape(
        "only flax_model.msgpack",
        no_safetensors(lambda m: {"flax_model.msgpack": m.msgpack}),
        weights=("flax_model.msgpack",),
    ),
    Shape(
        "shards of tf_model.h5",
        no_safetensors(lambda m: m.h5_shards | {"tf_model.h5.index.json": m.json(m.h5_index)}),
        weights=H5_SHARDS,
    ),
    Shape(
        "shards of tf_model.h5 without their index",
        no_safetensors(lambda m: m.h5_shards),
        weights=H5_SHARDS,
        notes=("shards have no index",),
    ),
    Shape(
        "one shard of tf_model.h5 named",
        no_safetensors(lambda m: m.h5_shards | {"tf_model.h5.index.json": m.json(m.h5_index)}, named=H5_SHARDS[1]),
        weights=H5_SHARDS,
    ),
    Shape(
        "a shard of tf_model.h5 missing",
        no_safetensors(
            lambda m: {H5_SHARDS[0]: m.h5_shards[H5_SHARDS[0]], "tf_model.h5.index.json": m.json(m.h5_index)}
        ),
        weights=Fails(ModelFileNotFoundError, ("names 2 shards", "missing: tf_model-00002-of-00002.h5", "To do: put")),
    ),
    Shape(
        "shards of flax_model.msgpack",
        no_safetensors(lambda m: m.msgpack_shards | {"flax_model.msgpack.index.json": m.json(m.msgpack_index)}),
        weights=MSGPACK_SHARDS,
    ),
    Shape(
        "tf_model.h5 with a prefix, as downloaded from the old storage",
        plain(
            lambda m: {
                "bert-base-uncased-config.json": m.config_bytes(),
                "bert-base-uncased-tf_model.h5": m.h5,
                "bert-base-uncased-vocab.txt": m.vocab_bytes(),
            }
        ),
        config="bert-base-uncased-config.json",
        weights=("bert-base-uncased-tf_model.h5",),
        vocab="bert-base-uncased-vocab.txt",
    ),
    Shape("tf_model.h5 in another case", no_safetensors(lambda m: {"TF_Model.H5": m.h5}), weights=("TF_Model.H5",)),
    Shape(
        "a browser's copy of tf_model.h5",
        no_safetensors(lambda m: {"tf_model (1).h5": m.h5}),
        weights=("tf_model (1).h5",),
    ),
    Shape(
        "a browser's copy of flax_model.msgpack",
        no_safetensors(lambda m: {"flax_model (1).msgpack": m.msgpack}),
        weights=("flax_model (1).msgpack",),
    ),
    Shape(
        "tf-model.h5",
        no_safetensors(lambda m: {"tf-model.h5": m.h5}),
        weights=("tf-model.h5",),
        notes=("the weights are tf-model.h5, told by its content",),
    ),
    Shape(
        "bert.msgpack",
        no_safetensors(lambda m: {"bert.msgpack": m.msgpack}),
        weights=("bert.msgpack",),
        notes=("the weights are bert.msgpack, told by its content",),
    ),
    Shape(
        "HDF5 called pytorch_model.bin",
        no_safetensors(lambda m: {"pytorch_model.bin": m.h5}),
        weights=("pytorch_model.bin",),
        notes=("pytorch_model.bin holds HDF5",),
    ),
    Shape(
        "tf_model.h5 in a cache",
        cached_files(lambda m: {"config.json": m.config_bytes(), "vocab.txt": m.vocab_bytes(), "tf_model.h5": m.h5}),
        weights=("tf_model.h5",),
        links=True,
    ),
    # Checkpoints of TensorFlow, and the first releases.
    Shape(
        "BERT as Google published it",
        plain(Material.google),
        config="bert_config.json",
        weights=("bert_model.ckpt.index",),
    ),
    *(
        Shape(
            f"BERT as Google published it, {what} named",
            plain(Material.google, named=named),
            config="bert_config.json",
            weights=("bert_model.ckpt.index",),
        )
        for what, named in (
            ("its prefix", "bert_model.ckpt"),
            ("its index", "bert_model.ckpt.index"),
            ("its data file", "bert_model.ckpt.data-00000-of-00001"),
            ("its graph", "bert_model.ckpt.meta"),
        )
    ),
    Shape(
        "BERT as Google published it, one level too high",
        plain(lambda m: {f"uncased_L-12_H-768_A-12/{name}": data for name, data in m.google().items()}),
        config="bert_config.json",
        weights=("bert_model.ckpt.index",),
        notes=("descended into uncased_L-12_H-768_A-12",),
    ),
    Shape(
        "a TensorFlow checkpoint with two data files",
        plain(lambda m: m.google(shards=True)),
        config="bert_config.json",
        weights=("bert_model.ckpt.index",),
    ),
    Shape(
        "a TensorFlow checkpoint of any name",
        no_safetensors(lambda m: m.checkpoint("electra_small")),
        weights=("electra_small.index",),
        notes=("the weights are electra_small.index, told by its content",),
    ),
    Shape(
        "a TensorFlow checkpoint of any name, its prefix named",
        no_safetensors(lambda m: m.checkpoint("electra_small"), named="electra_small"),
        weights=("electra_small.index",),
    ),
    Shape(
        "a browser's copy of a TensorFlow checkpoint",
        no_safetensors(lambda m: m.checkpoint("bert_model.ckpt (1)")),
        weights=("bert_model.ckpt (1).index",),
    ),
    Shape(
        "several TensorFlow checkpoints, and the file that names the latest",
        no_safetensors(
            lambda m: two_checkpoints(m) | {"checkpoint": b'model_checkpoint_path: "/home/me/bert/model.ckpt-2000"\n'}
        ),
        weights=("model.ckpt-2000.index",),
        notes=("of 2 checkpoints model.ckpt-2000 is read, the latest as checkpoint says",),
    ),
    Shape(
        "several TensorFlow checkpoints",
        no_safetensors(two_checkpoints),
        weights=Fails(
            ModelFileNotFoundError, ("model.ckpt-1000.index, model.ckpt-2000.index", "To do: name one of the files")
        ),
    ),
    Shape(
        "several TensorFlow checkpoints, one of them named",
        no_safetensors(two_checkpoints, named="model.ckpt-1000"),
        weights=("model.ckpt-1000.index",),
    ),
    Shape(
        "a TensorFlow checkpoint without one of its data files",
        plain(some_of(".data-00001-of-00002", shards=True)),
        config="bert_config.json",
        weights=Fails(
            ModelFileNotFoundError,
            (
                "has 2 data files",
                "bert_model.ckpt.data-00001-of-00002 is missing",
                "To do: put bert_model.ckpt.data-00001",
            ),
        ),
    ),
    Shape(
        "only the index of a TensorFlow checkpoint",
        plain(some_of(".data-00000-of-00001", ".meta")),
        config="bert_config.json",
        weights=Fails(
            ModelFileNotFoundError,
            ("bert_model.ckpt.index has no data files", "bert_model.ckpt.data-00000-of-00001 is missing"),
        ),
    ),
    Shape(
        "a TensorFlow checkpoint without its index",
        plain(some_of(".index", ".meta")),
        config="bert_config.json",
        weights=Fails(
            ModelFileNotFoundError,
            ("bert_model.ckpt.data-00000-of-00001 cannot be read alone", "bert_model.ckpt.index is missing", "To do:"),
        ),
    ),
    Shape(
        "only the graph of a TensorFlow checkpoint",
        plain(some_of(".index", ".data-00000-of-00001")),
        config="bert_config.json",
        weights=Fails(
            ModelFileNotFoundError,
            ("bert_model.ckpt.meta is the graph of a TensorFlow checkpoint", "bert_model.ckpt.index is missing"),
        ),
    ),
    Shape(
        "a TensorFlow checkpoint in another case",
        no_safetensors(lambda m: {name.upper(): data for name, data in m.checkpoint().items()}),
        weights=Fails(
            ModelFileNotFoundError,
            (
                "Closest: BERT_MODEL.CKPT.DATA-00000-OF-00001",
                "BERT_MODEL.CKPT.data-00000-of-00001 is missing",
                "To do:",
            ),
        ),
    ),
    Shape(
        "the index of a TensorFlow checkpoint cut off",
        no_safetensors(lambda m: m.checkpoint() | {"bert_model.ckpt.index": m.tf_checkpoint[".index"][:-5]}),
        weights=corrupt("bert_model.ckpt.index is damaged", "cut off", "without its end"),
    ),
    Shape(
        "a git-lfs pointer in place of a data file",
        no_safetensors(lambda m: m.checkpoint() | {"bert_model.ckpt.data-00000-of-00001": LFS_POINTER}),
        weights=corrupt("bert_model.ckpt.data-00000-of-00001 is damaged", "git-lfs pointer", "lfs pull"),
    ),
    Shape(
        "a data file that is a link out of the folder",
        data_links_outside,
        config="bert_config.json",
        weights=Fails(UnsafeFileError, ("bert_model.ckpt.data-00000-of-00001 is a link that leaves its folder",)),
        links=True,
    ),
    Shape(
        "GPT-2 as OpenAI published it",
        plain(gpt2),
        config="hparams.json",
        weights=("model.ckpt.index",),
        vocab="encoder.json",
        family="gpt2",
    ),
    Shape(
        "GPT as OpenAI published it",
        plain(gpt),
        config=None,
        weights=("params_shapes.json",),
        vocab="encoder_bpe_40000.json",
        notes=("there is no configuration; params_shapes.json tells the sizes of a GPT",),
        family="openai-gpt",
    ),
    Shape(
        "GPT as OpenAI published it, an array missing",
        plain(lambda m: {name: data for name, data in gpt(m).items() if name != "params_7.npy"}),
        config=None,
        weights=Fails(ModelFileNotFoundError, ("goes with 10 arrays", "params_7.npy is missing", "To do: put")),
        vocab="encoder_bpe_40000.json",
    ),
    Shape(
        "ALBERT as Google published it",
        plain(albert),
        config="albert_config.json",
        weights=("model.ckpt-best.index",),
        vocab="30k-clean.model",
        family="albert",
    ),
    Shape(
        "XLNet as its authors published it",
        plain(xlnet),
        config="xlnet_config.json",
        weights=("xlnet_model.ckpt.index",),
        vocab="spiece.model",
        family="xlnet",
    ),
    Shape(
        "a network of tensor2tensor, whose hparams.json is no configuration of ours",
        plain(lambda m: m.checkpoint("model.ckpt-1") | {"hparams.json": m.json(T2T_HPARAMS)}),
        config=None,
        weights=("model.ckpt-1.index",),
        vocab=None,
    ),
    # Several of them together.
    Shape(
        "tf_model.h5 and .bin",
        no_safetensors(lambda m: {"pytorch_model.bin": m.pytorch_bin, "tf_model.h5": m.h5}),
        weights=("pytorch_model.bin",),
        notes=("tf_model.h5 is here as well; pytorch_model.bin is read",),
    ),
    Shape(
        "tf_model.h5 and .bin, tf_model.h5 newer",
        h5_newer,
        weights=("pytorch_model.bin",),
        notes=("although tf_model.h5 is newer by 2 hours",),
        warns="newer by 2 hours",
    ),
    Shape(
        "all of safetensors, .bin, .h5, .msgpack and a TensorFlow checkpoint",
        no_safetensors(all_five),
        notes=(
            "pytorch_model.bin, tf_model.h5, flax_model.msgpack, bert_model.ckpt.index are here as well; "
            "model.safetensors is read",
        ),
    ),
    Shape(
        ".h5, .msgpack and a TensorFlow checkpoint",
        no_safetensors(lambda m: {"tf_model.h5": m.h5, "flax_model.msgpack": m.msgpack} | m.checkpoint()),
        weights=("tf_model.h5",),
        notes=("flax_model.msgpack, bert_model.ckpt.index are here as well; tf_model.h5 is read",),
    ),
    Shape(
        ".msgpack and a TensorFlow checkpoint",
        no_safetensors(lambda m: {"flax_model.msgpack": m.msgpack} | m.checkpoint()),
        weights=("flax_model.msgpack",),
        notes=("bert_model.ckpt.index is here as well; flax_model.msgpack is read",),
    ),
    Shape(
        "tf_model.h5 named, beside safetensors",
        plain(lambda m: m.files() | {"tf_model.h5": m.h5}, named="tf_model.h5"),
        weights=("tf_model.h5",),
    ),
    # Damage.
    Shape(
        "a damaged tf_model.h5 beside a good .bin",
        no_safetensors(lambda m: {"pytorch_model.bin": m.pytorch_bin, "tf_model.h5": HTML_PAGE}),
        weights=("pytorch_model.bin",),
        notes=("tf_model.h5 is here as well; pytorch_model.bin is read",),
    ),
    Shape(
        "a damaged .bin beside a good tf_model.h5",
        no_safetensors(lambda m: {"pytorch_model.bin": m.pytorch_bin[:-30], "tf_model.h5": m.h5}),
        weights=corrupt("pytorch_model.bin is damaged", "Closest: tf_model.h5, which looks whole"),
    ),
    Shape(
        "a git-lfs pointer called tf_model.h5",
        no_safetensors(lambda m: {"tf_model.h5": LFS_POINTER}),
        weights=corrupt("tf_model.h5 is damaged", "git-lfs pointer", "lfs pull"),
    ),
    Shape(
        "tf_model.h5 cut off",
        no_safetensors(lambda m: {"tf_model.h5": m.h5[:-30]}),
        weights=corrupt("tf_model.h5 is damaged", "cut off", "HDF5 of", "bytes, of which"),
    ),
    Shape(
        "flax_model.msgpack cut off",
        no_safetensors(lambda m: {"flax_model.msgpack": m.msgpack[:-4]}),
        weights=("flax_model.msgpack",),
        reading=Fails(CorruptFileError, ("flax_model.msgpack",)),
    ),
    Shape(
        "a TensorFlow checkpoint whose data file is cut off",
        no_safetensors(
            lambda m: (
                m.checkpoint() | {"bert_model.ckpt.data-00000-of-00001": m.tf_checkpoint[".data-00000-of-00001"][:9]}
            )
        ),
        weights=("bert_model.ckpt.index",),
        reading=Fails(CorruptFileError, ("bert_model.ckpt",)),
    ),
)
