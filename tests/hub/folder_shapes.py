"""Which shapes may a model's folder have, and what does each give?

One row per shape: how the folder is made, and which file plays which role, or which error says what. The golden test
and the page docs/folder_shapes.md both come from this table.
"""

from pretrained.errors import (
    ConfigurationError,
    CorruptFileError,
    ModelFileNotFoundError,
    ModelNotFoundError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from tests.hub.framework_shapes import OTHER_FRAMEWORKS
from tests.hub.material import HTML_PAGE, LFS_POINTER, Material, tf_index, torch_zip
from tests.hub.shape import (
    COMMIT,
    FOREIGN,
    NO_WEIGHTS,
    PYTORCH_SHARDS,
    QUERY,
    SAFETENSORS_SHARDS,
    TRAINING,
    Fails,
    Shape,
    bin_newer,
    bin_older,
    cached,
    cached_blob_missing,
    cached_link_text,
    cached_other_snapshot,
    cached_unfinished,
    corrupt,
    old_sentence_transformers,
    plain,
    prefixed,
    published,
    sentence_transformers,
    shard_links_outside,
    sharded,
    shards,
    trailing_commas,
    weights_link_outside,
    with_weights,
    zipped,
)


def bin_files(m: Material) -> dict[str, bytes]:
    """The three files of a model as it was published in 2019."""
    return {"config.json": m.config_bytes(), "pytorch_model.bin": m.pytorch_bin, "vocab.txt": m.vocab_bytes()}


# -- the table ------------------------------

SHAPES: tuple[Shape, ...] = (
    # As published, then and now.
    Shape("as published today", published()),
    Shape(
        "as published in 2019",
        with_weights("pytorch_model.bin", lambda m: m.pytorch_bin),
        weights=("pytorch_model.bin",),
    ),
    Shape(
        "pytorch_model.bin in the layout before PyTorch 1.6",
        with_weights("pytorch_model.bin", lambda m: m.legacy_bin),
        weights=("pytorch_model.bin",),
    ),
    Shape(
        "names with a prefix, as downloaded from the old storage",
        plain(lambda m: prefixed("bert-base-uncased", m)),
        config="bert-base-uncased-config.json",
        weights=("bert-base-uncased-pytorch_model.bin",),
        vocab="bert-base-uncased-vocab.txt",
        notes=("config.json is bert-base-uncased-config.json", "vocab.txt is bert-base-uncased-vocab.txt"),
    ),
    Shape(
        "one file with a prefix, the others without",
        published(lambda m: {"bert-base-uncased-vocab.txt": m.vocab_bytes()}, without="vocab.txt"),
        vocab="bert-base-uncased-vocab.txt",
    ),
    Shape(
        "files of two models with prefixes",
        plain(lambda m: prefixed("bert-base-uncased", m) | prefixed("bert-base-cased", m)),
        config=Fails(
            ModelFileNotFoundError, ("bert-base-cased-config.json, bert-base-uncased-config.json", "To do: name")
        ),
        weights=Fails(ModelFileNotFoundError, ("bert-base-cased-pytorch_model.bin", "To do: name one of the files")),
        vocab=Fails(ModelFileNotFoundError, ("several models", "bert-base-uncased-vocab.txt")),
    ),
    Shape(
        "files of two models with prefixes, one of them named",
        plain(
            lambda m: prefixed("bert-base-uncased", m) | prefixed("bert-base-cased", m),
            named="bert-base-cased-pytorch_model.bin",
        ),
        config="bert-base-cased-config.json",
        weights=("bert-base-cased-pytorch_model.bin",),
        vocab="bert-base-cased-vocab.txt",
    ),
    Shape(
        "names as wget keeps them",
        plain(lambda m: {f"{name}{QUERY}": data for name, data in bin_files(m).items()}),
        config=f"config.json{QUERY}",
        weights=(f"pytorch_model.bin{QUERY}",),
        vocab=f"vocab.txt{QUERY}",
        notes=(f"config.json is config.json{QUERY}", f"the weights are pytorch_model.bin{QUERY}"),
    ),
    Shape(
        "an ending too many, where Windows hides it",
        plain(lambda m: {f"{name}.txt": data for name, data in bin_files(m).items()}),
        config="config.json.txt",
        weights=("pytorch_model.bin.txt",),
        vocab="vocab.txt.txt",
        notes=("config.json is config.json.txt", "the weights are pytorch_model.bin.txt"),
    ),
    Shape(
        "weights with an ending that says nothing",
        with_weights("pytorch_model.zip", lambda m: m.pytorch_bin),
        weights=("pytorch_model.zip",),
        notes=("the weights are pytorch_model.zip, told by its content",),
    ),
    Shape(
        "a step of a training with T5X or Flax",
        with_weights("model.checkpoint_0", lambda m: m.msgpack),
        weights=("model.checkpoint_0",),
        notes=("the weights are model.checkpoint_0, told by its content",),
    ),
    # Configurations.
    Shape(
        "config.json with neither model_type nor architectures (2019)",
        published(lambda m: {"config.json": m.config_bytes("model_type", "architectures")}),
    ),
    Shape(
        "config.json with architectures and no model_type",
        published(lambda m: {"config.json": m.config_bytes("model_type")}),
    ),
    Shape(
        "config.json with a few keys, alone",
        plain(lambda m: {"config.json": m.json({"hidden_size": 8})}),
        weights=NO_WEIGHTS,
        vocab=None,
    ),
    Shape(
        "Google's bert_config.json",
        published(lambda m: {"bert_config.json": m.config_bytes("model_type", "architectures")}, without="config.json"),
        config="bert_config.json",
        notes=("config.json is bert_config.json",),
    ),
    Shape(
        "config.json with a byte order mark", published(lambda m: {"config.json": b"\xef\xbb\xbf" + m.config_bytes()})
    ),
    Shape("config.json in UTF-16", published(lambda m: {"config.json": m.config_bytes().decode().encode("utf-16")})),
    Shape("config.json with commas too many", published(lambda m: {"config.json": trailing_commas(m)})),
    Shape(
        "config.json that is not JSON",
        published(lambda m: {"config.json": b'{\n  "hidden_size" = 8\n}'}),
        config=Fails(CorruptFileError, ("config.json is not JSON", "line 2", '"hidden_size" = 8', "To do:")),
    ),
    Shape(
        "config.json that is a list",
        published(lambda m: {"config.json": b"[1, 2]"}),
        config=Fails(ConfigurationError, ("config.json", "list", "object")),
    ),
    Shape(
        "config.json that is an HTML page",
        published(lambda m: {"config.json": HTML_PAGE}),
        config=corrupt("config.json is damaged", "HTML page", "Sign in - Company Proxy"),
    ),
    # Names that people and browsers give.
    Shape(
        "names in another case",
        plain(
            lambda m: {
                "Config.json": m.config_bytes(),
                "PyTorch_Model.bin": m.pytorch_bin,
                "VOCAB.TXT": m.vocab_bytes(),
            }
        ),
        config="Config.json",
        weights=("PyTorch_Model.bin",),
        vocab="VOCAB.TXT",
    ),
    Shape(
        "a browser's copies",
        plain(
            lambda m: {
                "config (1).json": m.config_bytes(),
                "pytorch_model (1).bin": m.pytorch_bin,
                "vocab.txt.txt": m.vocab_bytes(),
            }
        ),
        config="config (1).json",
        weights=("pytorch_model (1).bin",),
        vocab="vocab.txt.txt",
    ),
    Shape(
        "names that say nothing",
        plain(lambda m: {"settings.json": m.config_bytes(), "best.pt": m.pytorch_bin, "words.txt": m.vocab_bytes()}),
        config="settings.json",
        weights=("best.pt",),
        vocab="words.txt",
        notes=("the weights are best.pt, told by its content",),
    ),
    Shape(
        "hidden files of macOS",
        published(lambda m: {"._config.json": b"\0\x05\x16\x07", "._model.safetensors": b"\0\x05\x16\x07"}),
    ),
    Shape(
        "weights.safetensors",
        with_weights("weights.safetensors", lambda m: m.safetensors),
        weights=("weights.safetensors",),
    ),
    Shape("model.pth", with_weights("model.pth", lambda m: m.pytorch_bin), weights=("model.pth",)),
    Shape("model.bin", with_weights("model.bin", lambda m: m.pytorch_bin), weights=("model.bin",)),
    Shape(
        "safetensors called pytorch_model.bin",
        with_weights("pytorch_model.bin", lambda m: m.safetensors),
        weights=("pytorch_model.bin",),
        notes=("pytorch_model.bin holds safetensors weights",),
    ),
    Shape(
        "two files of weights with names that say nothing",
        plain(
            lambda m: {
                "config.json": m.config_bytes(),
                "vocab.txt": m.vocab_bytes(),
                "best.pt": m.pytorch_bin,
                "last.pt": m.pytorch_bin,
            }
        ),
        weights=Fails(ModelFileNotFoundError, ("best.pt, last.pt", "To do: name one of the files")),
    ),
    # Parts of a model.
    Shape("only vocab.txt", plain(lambda m: {"vocab.txt": m.vocab_bytes()}), config=None, weights=NO_WEIGHTS),
    Shape(
        "only tokenizer.json",
        plain(lambda m: {"tokenizer.json": m.tokenizer_json}),
        config=None,
        weights=NO_WEIGHTS,
        vocab="tokenizer.json",
    ),
    Shape("only weights", plain(lambda m: {"model.safetensors": m.safetensors}), config=None, vocab=None),
    Shape("only config.json", plain(lambda m: {"config.json": m.config_bytes()}), weights=NO_WEIGHTS, vocab=None),
    # Weights in several files, or twice.
    Shape(
        "both .safetensors and .bin", bin_older, notes=("pytorch_model.bin is here as well; model.safetensors is read",)
    ),
    Shape(
        "both .safetensors and .bin, the .bin newer",
        bin_newer,
        notes=("although pytorch_model.bin is newer by 3 days",),
        warns="newer by 3 days",
    ),
    Shape("shards of safetensors", sharded(), weights=SAFETENSORS_SHARDS),
    Shape(
        "shards of .bin",
        published(
            lambda m: m.pytorch_shards | {"pytorch_model.bin.index.json": m.json(m.pytorch_index)},
            without="model.safetensors",
        ),
        weights=PYTORCH_SHARDS,
    ),
    Shape(
        "shards of safetensors without their index",
        published(lambda m: m.safetensors_shards, without="model.safetensors"),
        weights=SAFETENSORS_SHARDS,
        notes=("shards have no index",),
    ),
    Shape(
        "shards of .bin without their index",
        published(lambda m: m.pytorch_shards, without="model.safetensors"),
        weights=PYTORCH_SHARDS,
        notes=("shards have no index",),
    ),
    Shape("one file and shards", published(shards)),
    Shape(
        "a shard that a browser fetched twice",
        published(
            lambda m: {
                name.replace("2.safetensors", "2 (1).safetensors") if name == SAFETENSORS_SHARDS[1] else name: data
                for name, data in shards(m).items()
            },
            without="model.safetensors",
        ),
        weights=(SAFETENSORS_SHARDS[0], "model-00002-of-00002 (1).safetensors"),
        notes=("model-00002-of-00002.safetensors is model-00002-of-00002 (1).safetensors",),
    ),
    Shape(
        "one shard named",
        plain(lambda m: m.files() | shards(m), named=SAFETENSORS_SHARDS[0]),
        weights=SAFETENSORS_SHARDS,
    ),
    Shape(
        "a shard missing",
        published(shards, without=f"model.safetensors {SAFETENSORS_SHARDS[1]}"),
        weights=Fails(
            ModelFileNotFoundError, ("names 2 shards", "missing: model-00002-of-00002.safetensors", "To do: put")
        ),
    ),
    Shape(
        "a shard missing, and no index",
        published(lambda m: m.safetensors_shards, without=f"model.safetensors {SAFETENSORS_SHARDS[1]}"),
        weights=Fails(ModelFileNotFoundError, ("is one of 2 shards", "model-00002-of-00002.safetensors", "To do: put")),
    ),
    Shape(
        "a shard still in download",
        published(
            lambda m: shards(m) | {f"{SAFETENSORS_SHARDS[1]}.part": b"\x10"},
            without=f"model.safetensors {SAFETENSORS_SHARDS[1]}",
        ),
        weights=Fails(ModelFileNotFoundError, ("Closest: model-00002-of-00002.safetensors.part",)),
    ),
    Shape(
        "an index without a weight_map",
        sharded({"metadata": {}}),
        weights=corrupt("model.safetensors.index.json has no weight_map"),
    ),
    Shape(
        "an index that points above its folder",
        sharded({"weight_map": {"a.weight": "../secret.safetensors"}}),
        weights=Fails(UnsafeFileError, ("'../secret.safetensors'", "own folder")),
    ),
    Shape(
        "an index that points to an absolute path",
        sharded({"weight_map": {"a.weight": "/etc/passwd"}}),
        weights=Fails(UnsafeFileError, ("'/etc/passwd'", "own folder")),
    ),
    Shape(
        "an index that points above its folder, as Windows writes it",
        sharded({"weight_map": {"a.weight": "..\\secret.safetensors"}}),
        weights=Fails(UnsafeFileError, ("secret.safetensors", "own folder")),
    ),
    Shape(
        "a shard that is a link out of the folder",
        shard_links_outside,
        weights=Fails(UnsafeFileError, ("model-00002-of-00002.safetensors is a link that leaves its folder", "To do:")),
        links=True,
    ),
    Shape(
        "weights that are a link out of the folder",
        weights_link_outside,
        notes=("model.safetensors is a link to",),
        links=True,
    ),
    # Too high, too low, and the layouts of other tools.
    Shape(
        "one level too high",
        plain(lambda m: {f"bert-base-uncased/{name}": data for name, data in m.files().items()}),
        notes=("descended into bert-base-uncased",),
    ),
    Shape(
        "two levels too high",
        plain(lambda m: {f"download/bert-base-uncased/{name}": data for name, data in m.files().items()}),
        notes=("descended into download/bert-base-uncased",),
    ),
    Shape(
        "above several models",
        plain(lambda m: {f"{model}/{name}": data for model in ("base", "large") for name, data in m.files().items()}),
        error=Fails(ModelNotFoundError, ("several models", "base, large", "To do: name one of them")),
    ),
    Shape("the models--… folder of a cache", cached(), links=True),
    Shape("a snapshot of a cache", cached(f"snapshots/{COMMIT}"), links=True),
    Shape(
        "a snapshot of a cache, in shards",
        cached(f"snapshots/{COMMIT}", sharded=True),
        weights=SAFETENSORS_SHARDS,
        links=True,
    ),
    Shape(
        "the snapshots folder of a cache",
        cached("snapshots"),
        notes=("snapshots belongs to the cache folder",),
        links=True,
    ),
    Shape("the blobs folder of a cache", cached("blobs"), notes=("blobs belongs to the cache folder",), links=True),
    Shape("a cache without links", cached(links=False)),
    Shape(
        "a cache with a blob missing",
        cached_blob_missing,
        weights=Fails(
            ModelFileNotFoundError, ("Closest: model.safetensors, a link to", "To do: pretrained download google-bert/")
        ),
        links=True,
    ),
    Shape(
        "a cache with an unfinished download",
        cached_unfinished,
        weights=Fails(
            ModelFileNotFoundError, ("not finished", ".incomplete (2.5 MB)", "pretrained download google-bert/")
        ),
        links=True,
    ),
    Shape(
        "a cache whose main snapshot has no weights, and an older one has",
        cached_other_snapshot,
        weights=Fails(ModelFileNotFoundError, ("the snapshot aaaaaaaaaaaa", 'revision="aaaaaaaaaaaa"')),
        vocab=None,
        links=True,
    ),
    Shape(
        "a cache copied without its links",
        cached_link_text,
        weights=corrupt(
            "the text of a link", "../../blobs/", "pretrained download google-bert/bert-base-uncased --refresh"
        ),
    ),
    Shape("sentence-transformers", plain(lambda m: sentence_transformers(m, ""))),
    Shape(
        "sentence-transformers with 0_Transformer",
        plain(old_sentence_transformers),
        config="0_Transformer/config.json",
        weights=("0_Transformer/model.safetensors",),
        vocab="0_Transformer/vocab.txt",
        notes=("the network lies in 0_Transformer",),
    ),
    Shape(
        "0_Transformer of sentence-transformers",
        plain(old_sentence_transformers, named="0_Transformer"),
        notes=("holds modules.json",),
    ),
    Shape(
        "1_Pooling of sentence-transformers",
        plain(lambda m: sentence_transformers(m, ""), named="1_Pooling"),
        notes=("1_Pooling is one part of the model in",),
    ),
    Shape(
        "only folders of training steps",
        plain(lambda m: {f"checkpoint-500/{name}": data for name, data in (m.files() | TRAINING).items()}),
        notes=("descended into checkpoint-500",),
    ),
    # Files that are named themselves.
    Shape("the weights file named", plain(Material.files, named="model.safetensors")),
    Shape("config.json named", plain(Material.files, named="config.json")),
    Shape("vocab.txt named", plain(Material.files, named="vocab.txt")),
    Shape(
        "weights of any name named",
        plain(lambda m: m.files() | {"epoch3.pt": m.pytorch_bin, "epoch4.pt": m.pytorch_bin}, named="epoch4.pt"),
        weights=("epoch4.pt",),
    ),
    # Company.
    Shape("what training leaves behind, beside the model", published(lambda m: TRAINING)),
    Shape("weights in other formats, beside the model", published(lambda m: FOREIGN)),
    Shape("an adapter beside the model", published(lambda m: {"adapter_model.safetensors": m.safetensors})),
    # Damage.
    Shape(
        "a git-lfs pointer",
        with_weights("pytorch_model.bin", lambda m: LFS_POINTER),
        weights=corrupt(
            "pytorch_model.bin is damaged", "git-lfs pointer", "440,473,133 bytes", "lfs pull", "134 bytes"
        ),
    ),
    Shape(
        "an HTML page saved as weights",
        with_weights("pytorch_model.bin", lambda m: HTML_PAGE),
        weights=corrupt("pytorch_model.bin is damaged", "HTML page", "Sign in - Company Proxy", "proxy"),
    ),
    Shape(
        "a server's refusal saved as weights",
        with_weights("model.safetensors", lambda m: b"Entry not found"),
        weights=corrupt("model.safetensors is damaged", "error reply", "Entry not found"),
    ),
    Shape(
        "an HTML page saved as vocab.txt",
        published(lambda m: {"vocab.txt": HTML_PAGE}),
        vocab=corrupt("vocab.txt is damaged", "HTML page"),
    ),
    Shape(
        "safetensors cut off",
        with_weights("model.safetensors", lambda m: m.safetensors[:-4]),
        weights=corrupt("model.safetensors is damaged", "cut off", "bytes, of which"),
    ),
    Shape(
        "safetensors cut off in the header",
        with_weights("model.safetensors", lambda m: m.safetensors[:40]),
        weights=corrupt("model.safetensors is damaged", "cut off", "header needs"),
    ),
    Shape(
        "pytorch_model.bin cut off",
        with_weights("pytorch_model.bin", lambda m: m.pytorch_bin[:-30]),
        weights=corrupt("pytorch_model.bin is damaged", "cut off", "without its end"),
    ),
    Shape(
        "weights of zero bytes",
        with_weights("model.safetensors", lambda m: b""),
        weights=corrupt("model.safetensors is damaged", "empty", "0 bytes"),
    ),
    Shape(
        "vocab.txt of zero bytes",
        published(lambda m: {"vocab.txt": b""}),
        vocab=corrupt("vocab.txt is damaged", "empty"),
    ),
    Shape(
        "weights that are text",
        with_weights("pytorch_model.bin", lambda m: b"To get the weights, write to the author.\n"),
        weights=corrupt("should hold weights", "To get the weights"),
    ),
    # Downloads that did not finish.
    Shape(
        "a download left as .part",
        published(lambda m: {"model.safetensors.part": m.safetensors[:20]}, without="model.safetensors"),
        weights=Fails(ModelFileNotFoundError, ("not finished", "model.safetensors.part (20 bytes)", "To do:")),
    ),
    Shape(
        "a download left as .crdownload, alone",
        plain(lambda m: {"pytorch_model.bin.crdownload": m.pytorch_bin[:50]}),
        error=Fails(ModelNotFoundError, ("not finished", "pytorch_model.bin.crdownload (50 bytes", "To do: finish")),
    ),
    Shape(
        "a download left as .incomplete",
        published(
            lambda m: {".cache/huggingface/download/kj3Zt2.68d45e.incomplete": m.safetensors[:30]},
            without="model.safetensors",
        ),
        weights=Fails(ModelFileNotFoundError, ("not finished", ".incomplete (30 bytes)")),
    ),
    Shape(
        "a download that aria2 has not finished",
        published(lambda m: {"model.safetensors.aria2": b"\0\1"}),
        weights=corrupt("model.safetensors.aria2 says that its download is not finished"),
    ),
    *OTHER_FRAMEWORKS,
    # Formats that are not read.
    Shape(
        "only an ONNX graph",
        with_weights("model.onnx", lambda m: FOREIGN["model.onnx"]),
        weights=Fails(
            UnsupportedFormatError,
            ("model.onnx (an ONNX graph)", "(or pytorch_model.bin, tf_model.h5, flax_model.msgpack"),
        ),
    ),
    Shape(
        "only graphs and weights of other programs",
        published(lambda m: FOREIGN, without="model.safetensors"),
        weights=Fails(UnsupportedFormatError, tuple(f"{name} (" for name in FOREIGN)),
    ),
    Shape(
        "a TensorFlow checkpoint of 2016, in one file",
        with_weights("model.ckpt", lambda m: tf_index()),
        weights=Fails(UnsupportedFormatError, ("model.ckpt is a TensorFlow checkpoint in one file", "To do:")),
    ),
    Shape(
        "a TorchScript program called pytorch_model.bin",
        with_weights(
            "pytorch_model.bin", lambda m: torch_zip({"m/data.pkl": b"\x80\x02}.", "m/constants.pkl": b"\x80\x02}."})
        ),
        weights=Fails(UnsupportedFormatError, ("pytorch_model.bin (a TorchScript program)",)),
    ),
    Shape(
        "only an adapter (LoRA)",
        published(
            lambda m: {
                "adapter_config.json": m.json({"base_model_name_or_path": "bert-base-uncased", "peft_type": "LORA"}),
                "adapter_model.bin": m.pytorch_bin,
            },
            without="model.safetensors config.json",
        ),
        config=None,
        weights=Fails(UnsupportedFormatError, ("adapter_model.bin is an adapter (LoRA)", "bert-base-uncased", "merge")),
    ),
    Shape(
        "a zip of the folder, named",
        plain(lambda m: {"bert-base-uncased.zip": zipped(m)}, named="bert-base-uncased.zip"),
        error=Fails(UnsupportedFormatError, ("a zip of a model's files", "python -m zipfile -e")),
    ),
    Shape(
        "a folder with only the zip",
        plain(lambda m: {"bert-base-uncased.zip": zipped(m)}),
        error=Fails(UnsupportedFormatError, ("still packed in bert-base-uncased.zip", "python -m zipfile -e")),
    ),
    Shape(
        "a folder with only a zip of other things",
        plain(lambda m: {"all.zip": torch_zip({"bert/inner.zip": b"PK"})}),
        error=Fails(
            ModelNotFoundError, ("Closest: all.zip (a zip archive)", "if the model is in it: python -m zipfile -e")
        ),
    ),
    # Nothing.
    Shape(
        "an empty folder",
        plain(lambda m: {"./": b""}),
        error=Fails(ModelNotFoundError, ("an empty folder", "Expected: config.json")),
    ),
    Shape(
        "only what training leaves behind",
        plain(lambda m: TRAINING),
        error=Fails(ModelNotFoundError, ("only what training leaves behind", "optimizer.pt", "save_pretrained")),
    ),
    Shape(
        "other files only",
        plain(lambda m: {"README.md": b"# Notes\n", "requirements.txt": b"torch\n", "photo.bin": bytes(range(256))}),
        error=Fails(
            ModelNotFoundError, ("holds no files of a model", "photo.bin (256 bytes)", "Expected: config.json")
        ),
    ),
)
