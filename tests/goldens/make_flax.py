"""What do real Flax models write and compute? Makes the small golden files that the tests of Flax read.

It runs in the environment that tests/goldens/environment makes:

    python tests/goldens/make_flax.py [FILE_OF_T5X]

Every tensor is filled from the name that it has in the bare network, so the networks below all heads of a family are
equal, and the archive stays small.
"""

import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"

import flax.serialization
import jax.numpy as jnp
import jaxlib.xla_extension
import numpy as np
import transformers
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save

FOLDER = Path(__file__).parent / "flax"
SMALL = {
    "vocab_size": 24,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
NARROW = SMALL | {"embedding_size": 6}
COMMON = ("Model", "ForMaskedLM", "ForSequenceClassification", "ForMultipleChoice", "ForTokenClassification")
COMMON += ("ForQuestionAnswering",)
FAMILIES = {
    "Bert": (SMALL, (*COMMON, "ForPreTraining", "ForNextSentencePrediction", "ForCausalLM")),
    "Roberta": (SMALL | {"layer_norm_eps": 1e-12}, (*COMMON, "ForCausalLM")),
    "XLMRoberta": (SMALL | {"layer_norm_eps": 1e-12}, (*COMMON, "ForCausalLM")),
    "DistilBert": (
        {"vocab_size": 24, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12, "max_position_embeddings": 16},
        COMMON,
    ),
    "Albert": (NARROW, (*COMMON, "ForPreTraining")),
    "Electra": (NARROW, (*COMMON, "ForPreTraining")),
    "GPT2": ({"vocab_size": 24, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16}, ("Model", "LMHeadModel")),
}
UNTIED = ("BertForMaskedLM", "RobertaForMaskedLM", "DistilBertForMaskedLM", "AlbertForMaskedLM", "ElectraForMaskedLM")
UNTIED += ("GPT2LMHeadModel",)
SHARDED = "BertForSequenceClassification"
OURS = {"BertForCausalLM": "BertLMHeadModel"}  # where the class of PyTorch is called otherwise

# Some heads split arrays by a method that this release of jax lacks.
jaxlib.xla_extension.ArrayImpl.split = lambda self, parts, axis=0: jnp.split(self, parts, axis=axis)


def configuration(family: str, head: str, *, tied: bool) -> transformers.PretrainedConfig:
    options = dict(FAMILIES[family][0])
    options |= {"tie_word_embeddings": tied, "is_decoder": head == "ForCausalLM"}
    options["num_labels"] = 2 if head == "ForQuestionAnswering" else 3
    if family == "GPT2":
        options |= {"bos_token_id": 22, "eos_token_id": 23}
    config = getattr(transformers, f"{family}Config")(**options)
    config.architectures = [OURS.get(f"{family}{head}", f"{family}{head}")]
    return config


def inputs(config: transformers.PretrainedConfig, head: str) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(0).integers(4, config.vocab_size, (2, 6)).astype("int32")
    mask = np.ones_like(ids)
    if config.pad_token_id is not None:
        ids[1, 4:], mask[1, 4:] = config.pad_token_id, 0
    if head == "ForMultipleChoice":
        ids, mask = np.stack([ids, ids[:, ::-1]], 1), np.stack([mask, mask[:, ::-1]], 1)
    return {"input_ids": ids, "attention_mask": mask}


def filled(params: dict, prefix: str) -> dict:
    """The same tree with values that depend on the names alone."""
    values = {}
    for path, old in flatten_dict(params).items():
        name = "/".join(path).removeprefix(f"{prefix}/")
        drawn = np.random.default_rng(zlib.crc32(name.encode())).normal(0, 0.4, old.shape)
        values[path] = jnp.asarray(drawn + (path[-1] == "scale"), dtype=jnp.float32)
    return unflatten_dict(values)


def outputs(returned: transformers.utils.ModelOutput) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in returned.items() if isinstance(value, jnp.ndarray)}


def make(family: str, head: str, archive: tarfile.TarFile, expected: dict, *, tied: bool = True) -> None:
    config = configuration(family, head, tied=tied)
    model = getattr(transformers, f"Flax{family}{head}")(config, seed=0)
    model.params = filled(model.params, model.base_model_prefix)
    (name,) = config.architectures
    name += "" if tied else "-untied"
    given = inputs(config, head)
    types = {"token_type_ids": np.zeros_like(given["input_ids"])} if hasattr(config, "type_vocab_size") else {}
    for part, value in {**given, **outputs(model(**given, **types))}.items():  # ELECTRA of Flax would take type 1
        expected[f"{name}/{part}"] = np.ascontiguousarray(value)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for file in ("config.json", "flax_model.msgpack"):
            add(archive, f"{name}/{file}", Path(folder, file).read_bytes())
    if name == SHARDED:
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder, max_shard_size="3KB")
            for path in sorted(Path(folder).iterdir()):
                add(archive, f"{name}-sharded/{path.name}", path.read_bytes())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def arrays() -> dict:
    """An array of every type; those above 64 bytes are written in chunks."""
    numbers = np.random.default_rng(1).normal(size=(3, 4))
    types = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint32", "bool", "complex64")
    tree = {name: (numbers * 10).astype(name) for name in types}
    tree["bfloat16"] = jnp.asarray(numbers, dtype=jnp.bfloat16)
    tree["float8_e4m3fn"] = jnp.asarray(numbers, dtype=jnp.float8_e4m3fn)
    tree |= {"none": np.zeros((0, 7), "float32"), "number": np.array(2.5), "long": np.zeros(300, "int8")}
    return {"params": {"inner": tree}}


def values() -> dict:
    """A value of every other kind that Flax writes."""
    tree = {"weight": np.ones(2, "float32"), "scalar": np.int32(7), "complex": 1 + 2j, "list": [1, [2, np.ones(1)]]}
    return tree | {"step": 12, "below": -70000, "rate": 0.5, "name": "é" * 700, "nothing": None, "flag": True}


def flattened(tree: dict, prefix: str = "") -> dict[str, object]:
    leaves = {}
    for key, value in tree.items():
        leaves |= flattened(value, f"{prefix}{key}/") if isinstance(value, dict) else {prefix + key: value}
    return leaves


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    expected: dict[str, np.ndarray] = {}
    with tarfile.open(FOLDER / "models.tar.xz", "w:xz", preset=9) as archive:
        for family, (_, heads) in FAMILIES.items():
            for head in heads:
                make(family, head, archive, expected)
                if f"{family}{head}" in UNTIED:
                    make(family, head, archive, expected, tied=False)
        add(archive, "expected.safetensors", save(expected))
    flax.serialization.MAX_CHUNK_SIZE = 64
    for name, tree in (("arrays", arrays()), ("values", values())):
        (FOLDER / f"{name}.msgpack").write_bytes(flax.serialization.msgpack_serialize(tree))
    if len(sys.argv) > 1:
        leaves = flattened(flax.serialization.msgpack_restore(Path(sys.argv[1]).read_bytes()))
        facts = {
            name: [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
            for name, value in leaves.items()
            if isinstance(value, np.ndarray)
        }
        (FOLDER / "t5x.json").write_text(json.dumps(facts, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
