"""What do real TensorFlow models write and compute? Makes the small golden files that the tests of tf_model.h5 read.

It runs in the environment that tests/goldens/environment makes:

    python tests/goldens/make_keras_h5.py

Every variable is filled from the name that it has in its model, so the networks below all heads of a family are
equal, and the archive stays small.
"""

import io
import os
import tarfile
import tempfile
import zlib
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import transformers

FOLDER = Path(__file__).parent / "keras_h5"
SMALL = {
    "vocab_size": 24,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
NARROW = SMALL | {"embedding_size": 6}
GPT = {"vocab_size": 24, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16, "pad_token_id": 0}
XLM = {"vocab_size": 24, "emb_dim": 8, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 16}
XLM |= {"initializer_range": 0.02}  # its TensorFlow classes ask for a key that the configuration lacks
HEADS = ("ForMaskedLM", "ForSequenceClassification", "ForMultipleChoice", "ForTokenClassification")
HEADS += ("ForQuestionAnswering",)
SIMPLE = ("WithLMHeadModel", "ForSequenceClassification", "ForMultipleChoice", "ForTokenClassification")
SIMPLE += ("ForQuestionAnsweringSimple",)
FAMILIES = {
    "Bert": (SMALL, ("LMHeadModel", "ForPreTraining", "ForNextSentencePrediction", *HEADS)),
    "OpenAIGPT": (GPT, ("LMHeadModel", "DoubleHeadsModel", "ForSequenceClassification")),
    "GPT2": (GPT, ("LMHeadModel", "DoubleHeadsModel", "ForSequenceClassification")),
    "TransfoXL": (
        {"vocab_size": 24, "cutoffs": [8, 16], "d_model": 8, "d_embed": 8, "div_val": 2, "n_layer": 2, "n_head": 2}
        | {"d_head": 4, "d_inner": 12, "mem_len": 4, "pad_token_id": 0},
        ("LMHeadModel", "ForSequenceClassification"),
    ),
    "XLNet": (
        {"vocab_size": 24, "d_model": 8, "n_layer": 2, "n_head": 2, "d_inner": 12},
        ("LMHeadModel", *HEADS[1:4], "ForQuestionAnsweringSimple"),
    ),
    "XLM": (XLM | {"n_langs": 2}, SIMPLE),
    "Flaubert": (XLM, SIMPLE),
    "Roberta": (SMALL, ("ForCausalLM", *HEADS)),
    "Camembert": (SMALL, ("ForCausalLM", *HEADS)),
    "XLMRoberta": (SMALL, ("ForCausalLM", *HEADS)),
    "DistilBert": (
        {"vocab_size": 24, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12, "max_position_embeddings": 16},
        HEADS,
    ),
    "CTRL": (
        {"vocab_size": 24, "n_embd": 8, "dff": 12, "n_layer": 2, "n_head": 2, "n_positions": 16},
        ("LMHeadModel",),
    ),
    "Albert": (NARROW, ("ForPreTraining", *HEADS)),
    "Electra": (NARROW, ("ForPreTraining", *HEADS)),
}
IDS = np.array([[5, 7, 2, 11, 23, 4], [3, 9, 14, 6, 1, 1]], np.int32)
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], np.int32)


def inputs(name: str) -> dict:
    """What a class is given; the tests give ours the same."""
    if "DoubleHeads" in name or "MultipleChoice" in name:
        given = {"input_ids": np.stack([IDS, IDS[:, ::-1]], 1), "attention_mask": np.stack([MASK, MASK], 1)}
        return given | ({"mc_token_ids": np.array([[3, 5], [2, 4]], np.int32)} if "DoubleHeads" in name else {})
    if "TransfoXL" in name:
        return {"input_ids": IDS}
    return {"input_ids": IDS, "attention_mask": MASK}


def fill(model: tf.keras.Model) -> None:
    for variable in model.weights:
        name = variable.name.partition("/")[2]
        if "crit/out_layers" in name and name.endswith("weight:0"):  # tied to the embeddings in PyTorch
            name = name.replace("crit/out", "transformer/word_emb/emb").replace("_._weight", "/embeddings")
        if "crit/out_projs" in name and not name.endswith("_._0:0"):
            name = name.replace("crit/out", "transformer/word_emb/emb")
        chance = np.random.default_rng(zlib.crc32(name.encode()))
        values = chance.integers(-12, 13, variable.shape) / 32
        variable.assign(values + 1 if name.endswith("gamma:0") else values)


def build(kind: str, sizes: dict, **options) -> tf.keras.Model:
    model_class = getattr(transformers, f"TF{kind}")
    config = model_class.config_class(**sizes)
    config.is_decoder = kind == "BertLMHeadModel" or kind.endswith("ForCausalLM")
    model = model_class(config, **options)
    model(inputs(kind))
    if kind.startswith("OpenAIGPT"):  # its TensorFlow class forgot that GPT's gelu is the tanh form
        for block in model.transformer.h:
            block.mlp.act = transformers.activations_tf.get_tf_activation("gelu_new")
    fill(model)
    return model


def computed(model: tf.keras.Model, given: dict) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in model(given, training=False).items() if isinstance(value, tf.Tensor)}


def add(archive: tarfile.TarFile, name: str, folder: Path, outputs: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    np.savez(file, **outputs)
    (folder / "outputs.npz").write_bytes(file.getvalue())
    for path in sorted(folder.iterdir()):
        member = tarfile.TarInfo(f"{name}/{path.name}")
        member.size = path.stat().st_size
        archive.addfile(member, io.BytesIO(path.read_bytes()))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "models.tar.xz"
    with (
        tempfile.TemporaryDirectory() as temporary,
        tarfile.open(file, "w:xz", preset=9) as archive,
    ):
        for family, (sizes, heads) in FAMILIES.items():
            for name in (f"{family}{head}" for head in ("Model", *heads)):
                model, folder = build(name, sizes), Path(temporary, name)
                model.save_pretrained(folder, safe_serialization=False)
                add(archive, name, folder, computed(model, inputs(name)))
        special(archive, Path(temporary))


def special(archive: tarfile.TarFile, temporary: Path) -> None:
    """A model under a name of its own, in shards, and as a layer of a user's model."""
    given = inputs("BertModel")
    model = build("BertModel", SMALL, name="my_network")
    outputs = computed(model, given)
    model.save_pretrained(temporary / "named", safe_serialization=False)
    add(archive, "named", temporary / "named", outputs)
    model.save_pretrained(temporary / "sharded", safe_serialization=False, max_shard_size="3KB")
    add(archive, "sharded", temporary / "sharded", outputs)

    ids = tf.keras.Input((6,), dtype=tf.int32, name="input_ids")
    mask = tf.keras.Input((6,), dtype=tf.int32, name="attention_mask")
    pooled = model(input_ids=ids, attention_mask=mask).pooler_output
    scores = tf.keras.layers.Dense(3, name="scores")(pooled)
    users = tf.keras.Model([ids, mask], scores)
    folder = temporary / "users"
    folder.mkdir()
    model.config.save_pretrained(folder)
    users.save(folder / "tf_model.h5")
    add(archive, "users", folder, outputs)


if __name__ == "__main__":
    main()
