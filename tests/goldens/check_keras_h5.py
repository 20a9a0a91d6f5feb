"""Does real TensorFlow load what we write, and compute the same? For every class with a twin there.

Two environments are needed, ours to write and the one that tests/goldens/environment makes to read:

    python tests/goldens/check_keras_h5.py write FOLDER [SHARD_SIZE]
    FOLDER_OF_THE_OTHER/bin/python tests/goldens/check_keras_h5.py read FOLDER
"""

import os
import sys
import tarfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

GOLDENS = Path(__file__).parent / "keras_h5" / "models.tar.xz"


def write(folder: Path, shard_size: str | None = None) -> None:
    """Models of the golden files' configurations with other weights, and what they compute."""
    import torch

    import pretrained
    from pretrained import registry

    with tarfile.open(GOLDENS) as archive:
        archive.extractall(folder / "goldens", filter="data")
    classes = {
        found.__name__: found
        for family in registry.families().values()
        for target in (*family.models.values(), *family.classes)
        if getattr(found := registry.load(family, target), "tensorflow", None) is not None
    }
    for name, model_class in classes.items():
        if name.endswith("PreTrainedModel"):
            continue
        config = model_class.config_class.from_pretrained(folder / "goldens" / name)
        if name.startswith("OpenAIGPT"):
            config.afn = "relu"  # its "gelu" is another one in TensorFlow
        torch.manual_seed(0)
        model = model_class(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(folder / name, format="tf", shard_size=shard_size)
        expected = dict(np.load(folder / "goldens" / name / "outputs.npz"))
        given = {key: torch.from_numpy(value) for key, value in inputs(name).items()}
        with torch.no_grad():
            outputs = model(**given)
        np.savez(folder / name / "outputs.npz", **{key: outputs[key].numpy() for key in expected})
    print(f"{len(classes)} classes, pretrained {pretrained.__version__}")


def read(folder: Path) -> None:
    import make_keras_h5
    import tensorflow as tf
    import transformers

    transformers.logging.set_verbosity_error()
    failed = 0
    for path in sorted(path for path in folder.iterdir() if list(path.glob("tf_model*"))):
        name = path.name
        model_class = getattr(transformers, f"TF{name}")
        model, info = model_class.from_pretrained(path, output_loading_info=True)
        if name.startswith("TransfoXL"):  # from_pretrained of this release forgets to make its variables first
            model = model_class(model.config)
            model(inputs(name))
            if shards := sorted(map(str, path.glob("tf_model-*.h5"))):
                found = transformers.modeling_tf_utils.load_tf_sharded_weights(model, shards)
            else:
                found = transformers.modeling_tf_utils.load_tf_weights(model, str(path / "tf_model.h5"))
            info = dict(zip(info, found, strict=True))
        # the number of a dropout layer is how many the process has made
        info["missing_keys"] = [key for key in info["missing_keys"] if not key.startswith("dropout_")]
        if name.startswith("OpenAIGPT"):
            for block in model.transformer.h:
                block.mlp.act = tf.nn.relu
        computed = make_keras_h5.computed(model, inputs(name))
        expected = np.load(path / "outputs.npz")
        far = max(float(np.abs(computed[key] - expected[key]).max()) for key in expected.files)
        wrong = far > 1e-5 or any(info.values())
        failed += bool(wrong)
        print(f"{'FAILED' if wrong else 'equal':8}{name:40}{far:.1e}  {info if wrong else ''}")
    sys.exit(f"{failed} failed" if failed else 0)


def inputs(name: str) -> dict[str, np.ndarray]:
    """As in make_keras_h5.py, which only the environment with TensorFlow can import."""
    ids = np.array([[5, 7, 2, 11, 23, 4], [3, 9, 14, 6, 1, 1]], np.int32)
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], np.int32)
    if "TransfoXL" in name:
        return {"input_ids": ids}
    if "DoubleHeads" not in name and "MultipleChoice" not in name:
        return {"input_ids": ids, "attention_mask": mask}
    given = {"input_ids": np.stack([ids, ids[:, ::-1]], 1), "attention_mask": np.stack([mask, mask], 1)}
    return given | ({"mc_token_ids": np.array([[3, 5], [2, 4]], np.int32)} if "DoubleHeads" in name else {})


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
