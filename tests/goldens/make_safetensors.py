"""What do real TensorFlow and Flax models write as safetensors? Makes the small golden files of such folders.

It runs in the environment that tests/goldens/environment makes:

    python tests/goldens/make_safetensors.py
"""

import os
import tarfile
import tempfile
import zlib
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import make_flax
import numpy as np
import tensorflow as tf
import transformers
from safetensors.numpy import save

FOLDER = Path(__file__).parent / "safetensors"
MODELS = (("Bert", "ForSequenceClassification"), ("Albert", "ForMaskedLM"), ("GPT2", "LMHeadModel"))
SHARDED = ("GPT2", "LMHeadModel")


def flax_model(family: str, head: str) -> transformers.FlaxPreTrainedModel:
    model = getattr(transformers, f"Flax{family}{head}")(make_flax.configuration(family, head, tied=True), seed=0)
    model.params = make_flax.filled(model.params, model.base_model_prefix)
    return model


def tensorflow_model(family: str, head: str) -> transformers.TFPreTrainedModel:
    model = getattr(transformers, f"TF{family}{head}")(make_flax.configuration(family, head, tied=True))
    model(model.dummy_inputs)
    for variable in model.weights:
        drawn = np.random.default_rng(zlib.crc32(variable.name.encode())).normal(0, 0.4, variable.shape)
        variable.assign(drawn + (1 if "gamma" in variable.name else 0))
    return model


def outputs(model: object, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if isinstance(model, transformers.TFPreTrainedModel):
        returned = model({name: tf.constant(value) for name, value in given.items()})
        return {name: value.numpy() for name, value in returned.items() if tf.is_tensor(value)}
    return make_flax.outputs(model(**given))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    expected: dict[str, np.ndarray] = {}
    with tarfile.open(FOLDER / "models.tar.xz", "w:xz", preset=9) as archive:
        for family, head in MODELS:
            given = make_flax.inputs(make_flax.configuration(family, head, tied=True), head)
            for framework, make in (("flax", flax_model), ("tf", tensorflow_model)):
                model = make(family, head)
                name = f"{framework}-{family}{head}"
                for part, value in {**given, **outputs(model, given)}.items():
                    if "past" not in part:
                        expected[f"{name}/{part}"] = np.ascontiguousarray(value)
                sharded = {"max_shard_size": "3KB"} if (family, head) == SHARDED and framework == "tf" else {}
                with tempfile.TemporaryDirectory() as folder:
                    model.save_pretrained(folder, safe_serialization=True, **sharded)
                    for file in sorted(Path(folder).iterdir()):
                        if file.name != "generation_config.json":
                            make_flax.add(archive, f"{name}/{file.name}", file.read_bytes())
        make_flax.add(archive, "expected.safetensors", save(expected))


if __name__ == "__main__":
    main()
