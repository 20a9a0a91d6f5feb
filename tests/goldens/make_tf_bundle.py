"""What do TensorFlow's own writers write, and what do the published programs compute from it?

Writes the small checkpoints that the tests read without TensorFlow. The environment is made by the script
`environment` beside this one; run it as

    CUDA_VISIBLE_DEVICES= PYTHON tests/goldens/make_tf_bundle.py [FOLDER OF THE T2T CHECKPOINT]

The weights of the original releases are those of small random networks, saved by `Saver` under the names that Google
and OpenAI used. What is expected of them was computed by the converters of transformers 4.40, which read the files
through TensorFlow.
"""

import hashlib
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
import torch
import transformers
from safetensors.torch import save_file
from transformers.models.albert.modeling_albert import load_tf_weights_in_albert
from transformers.models.bert.modeling_bert import load_tf_weights_in_bert
from transformers.models.deprecated.transfo_xl import TransfoXLConfig, TransfoXLLMHeadModel
from transformers.models.deprecated.transfo_xl.modeling_transfo_xl import load_tf_weights_in_transfo_xl
from transformers.models.electra.modeling_electra import load_tf_weights_in_electra
from transformers.models.gpt2.modeling_gpt2 import load_tf_weights_in_gpt2
from transformers.models.openai.modeling_openai import load_tf_weights_in_openai_gpt
from transformers.models.xlnet.modeling_xlnet import load_tf_weights_in_xlnet

FOLDER = Path(__file__).parent / "tf_bundle"
BERT_SIZES = {
    "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 12, "type_vocab_size": 2,
}  # fmt: skip
IDS = torch.tensor([[2, 7, 5, 11, 3], [2, 19, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


# Writing


def save(prefix, arrays, *, shards=1, partitioned=()):
    """`Saver` over variables of these names; spread over devices for several data files."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    graph = tf.Graph()
    with graph.as_default():
        for index, (name, array) in enumerate(arrays.items()):
            with tf.device(f"/cpu:{index % shards}"):
                parts = 3 if name in partitioned else None
                tf.compat.v1.get_variable(
                    name,
                    shape=array.shape,
                    initializer=slicer(array),
                    dtype=tf.as_dtype(array.dtype),
                    partitioner=tf.compat.v1.fixed_size_partitioner(parts) if parts else None,
                    use_resource=False,
                )
        saver = tf.compat.v1.train.Saver(sharded=shards > 1, write_version=tf.compat.v1.train.SaverDef.V2)
        options = tf.compat.v1.ConfigProto(device_count={"CPU": shards})
        with tf.compat.v1.Session(config=options) as session:
            session.run(tf.compat.v1.global_variables_initializer())
            saver.save(session, str(prefix), write_meta_graph=False)
    (prefix.parent / "checkpoint").unlink()


def slicer(array):
    """An initializer that gives each partition its part of the array."""

    def initialize(shape, dtype, partition_info=None):
        starts = partition_info.var_offset if partition_info else [0] * array.ndim
        part = array[tuple(slice(start, start + length) for start, length in zip(starts, shape, strict=True))]
        return tf.constant(part, dtype)

    return initialize


def with_training(arrays, slots, *, few=3):
    """Some variables of an optimizer beside the weights, and the number of the step."""
    extra = {f"{name}/{slot}": np.full_like(arrays[name], 7) for name in list(arrays)[:few] for slot in slots}
    return arrays | extra | {"global_step": np.array(123, dtype=np.int64)}


def write_outputs(path, **tensors):
    save_file({name: value.detach().contiguous() for name, value in tensors.items()}, path)


def write_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n")


def spread(model, seed):
    """Random values for every parameter, norms and biases too."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.3 * torch.randn_like(parameter)
    return model.eval()


# From published names to those of the original programs


def google(name, value):
    """A tensor as Google's programs name it: scopes, kernels [in, out], gamma and beta."""
    for old, new in (("layer.", "layer_"), ("albert_layer_groups.", "group_"), ("albert_layers.", "inner_group_")):
        name = name.replace(f".{old}", f"/{new}")
    parts = name.replace(".", "/").split("/")
    array = value.numpy()
    if parts[-2] == "LayerNorm":
        parts[-1] = {"weight": "gamma", "bias": "beta"}[parts[-1]]
    elif parts[-2].endswith("_embeddings"):
        parts.pop()
    elif parts[-1] == "weight":
        parts[-1], array = "kernel", array.T
    return "/".join(parts), array


def bert():
    config = transformers.BertConfig(vocab_size=30, **BERT_SIZES)
    source = spread(transformers.BertForPreTraining(config), 1)
    arrays = {}
    for name, value in source.state_dict().items():
        if name.endswith("position_ids") or ".decoder." in name:
            continue
        name, array = google(name, value)
        if name.startswith("cls/seq_relationship"):
            name, array = name.replace("kernel", "output_weights").replace("bias", "output_bias"), value.numpy()
        arrays[name.replace("cls/predictions/bias", "cls/predictions/output_bias")] = array
    prefix = FOLDER / "bert" / "bert_model.ckpt"
    save(
        prefix,
        with_training(arrays, ("adam_m", "adam_v")),
        shards=2,
        partitioned=("bert/embeddings/word_embeddings", "bert/pooler/dense/kernel"),
    )
    keys = ("vocab_size", "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
    write_json(prefix.parent / "bert_config.json", BERT_SIZES | {key: getattr(config, key) for key in keys})
    model = load_tf_weights_in_bert(transformers.BertForPreTraining(config), config, str(prefix)).eval()
    out = model(IDS, attention_mask=MASK)
    write_outputs(
        prefix.parent / "outputs.safetensors", tokens=out.prediction_logits, sentences=out.seq_relationship_logits
    )


def albert():
    sizes = BERT_SIZES | {"embedding_size": 6, "num_hidden_groups": 1, "inner_group_num": 1, "hidden_act": "gelu_new"}
    config = transformers.AlbertConfig(vocab_size=30, **sizes)
    source = spread(transformers.AlbertForPreTraining(config), 2)
    arrays = {}
    for name, value in source.state_dict().items():
        if name.endswith("position_ids") or ".decoder." in name:
            continue
        name, array = google(name, value)
        if name.startswith("sop_classifier"):
            name = name.replace("sop_classifier/classifier/", "cls/seq_relationship/output_")
            name, array = name.replace("kernel", "weights"), value.numpy()
        name = name.replace("albert/", "bert/").replace("encoder/group_", "encoder/transformer/group_")
        for part in ("query", "key", "value"):
            name = name.replace(f"attention/{part}/", f"attention_1/self/{part}/")
        name = name.replace("attention/dense/", "attention_1/output/dense/")
        name = name.replace("/attention/LayerNorm/", "/LayerNorm/")
        name = name.replace("/full_layer_layer_norm/weight", "/LayerNorm_1/gamma")
        name = name.replace("/full_layer_layer_norm/kernel", "/LayerNorm_1/gamma")
        name = name.replace("/full_layer_layer_norm/bias", "/LayerNorm_1/beta")
        name = name.replace("/ffn/", "/ffn_1/intermediate/dense/")
        name = name.replace("/ffn_output/", "/ffn_1/intermediate/output/dense/")
        name = name.replace("bert/pooler/", "bert/pooler/dense/")
        name = name.replace("predictions/bias", "predictions/output_bias")
        for part in ("dense", "LayerNorm"):
            name = name.replace(f"predictions/{part}/", f"predictions/transform/{part}/")
        arrays[name if name.startswith(("bert/", "cls/")) else f"cls/{name}"] = array
    prefix = FOLDER / "albert" / "model.ckpt-best"
    save(prefix, with_training(arrays, ("adam_m", "adam_v")))
    write_json(
        prefix.parent / "albert_config.json",
        sizes | {"vocab_size": 30, "net_structure_type": 0, "gap_size": 0, "num_memory_blocks": 0},
    )
    model = load_tf_weights_in_albert(transformers.AlbertForPreTraining(config), config, str(prefix)).eval()
    out = model(IDS, attention_mask=MASK)
    write_outputs(prefix.parent / "outputs.safetensors", tokens=out.prediction_logits, sentences=out.sop_logits)


def electra():
    """Both networks of one pretraining. They share the embeddings; the generator is narrower."""
    large = BERT_SIZES | {"embedding_size": 6}
    small = large | {"hidden_size": 4, "intermediate_size": 8}
    configs = [transformers.ElectraConfig(vocab_size=30, **sizes) for sizes in (large, small)]
    discriminator = spread(transformers.ElectraForPreTraining(configs[0]), 3)
    generator = spread(transformers.ElectraForMaskedLM(configs[1]), 4)
    arrays = {}
    for name, value in discriminator.state_dict().items():
        if not name.endswith("position_ids"):
            name, array = google(name, value)
            arrays[name.replace("dense_prediction", "dense_1")] = array
    for name, value in generator.state_dict().items():
        if name.endswith(("position_ids", "generator_lm_head.weight")) or ".embeddings." in name:
            continue
        name, array = google(name, value)
        name = name.replace("generator_lm_head/bias", "generator_predictions/output_bias")
        arrays[name.replace("electra/", "generator/")] = array
    folder = FOLDER / "electra"
    save(folder / "electra_small", with_training(arrays, ("adam_m", "adam_v")) | {"temperature": np.float32([1])[0]})
    write_json(folder / "discriminator_config.json", large | {"model_type": "electra", "vocab_size": 30})
    write_json(folder / "generator_config.json", small | {"model_type": "electra", "vocab_size": 30})
    outputs = {}
    for key, kind, config in (
        ("discriminator", transformers.ElectraForPreTraining, configs[0]),
        ("generator", transformers.ElectraForMaskedLM, configs[1]),
    ):
        model = load_tf_weights_in_electra(kind(config), config, str(folder / "electra_small"), key).eval()
        model.tie_weights()
        outputs[key] = model(IDS, attention_mask=MASK).logits
    write_outputs(folder / "outputs.safetensors", **outputs)


def xlnet():
    sizes = {"d_head": 4, "d_inner": 12, "d_model": 8, "ff_activation": "gelu", "n_head": 2, "n_layer": 2}
    config = transformers.XLNetConfig(vocab_size=30, **sizes)
    source = spread(transformers.XLNetLMHeadModel(config), 5)
    state = source.state_dict()
    top, arrays = "model/transformer", {}
    for name in ("r_r_bias", "r_w_bias", "r_s_bias", "seg_embed"):
        layers = [state[f"transformer.layer.{layer}.rel_attn.{name}"] for layer in range(2)]
        arrays[f"{top}/{name}"] = torch.stack(layers).numpy()
    arrays[f"{top}/word_embedding/lookup_table"] = state["transformer.word_embedding.weight"].numpy()
    arrays[f"{top}/mask_emb/mask_emb"] = state["transformer.mask_emb"].numpy()
    arrays["model/lm_loss/bias"] = state["lm_loss.bias"].numpy()
    for layer in range(2):
        old, new = f"transformer.layer.{layer}", f"{top}/layer_{layer}"
        for name in "qkvor":
            arrays[f"{new}/rel_attn/{name}/kernel"] = state[f"{old}.rel_attn.{name}"].numpy()
        for part in ("rel_attn", "ff"):
            arrays[f"{new}/{part}/LayerNorm/gamma"] = state[f"{old}.{part}.layer_norm.weight"].numpy()
            arrays[f"{new}/{part}/LayerNorm/beta"] = state[f"{old}.{part}.layer_norm.bias"].numpy()
        for name in ("layer_1", "layer_2"):
            arrays[f"{new}/ff/{name}/kernel"] = state[f"{old}.ff.{name}.weight"].numpy().T
            arrays[f"{new}/ff/{name}/bias"] = state[f"{old}.ff.{name}.bias"].numpy()
    prefix = FOLDER / "xlnet" / "xlnet_model.ckpt"
    save(prefix, with_training(arrays, ("Adam", "Adam_1")))
    write_json(prefix.parent / "xlnet_config.json", sizes | {"n_token": 30, "untie_r": True})
    model = load_tf_weights_in_xlnet(transformers.XLNetLMHeadModel(config), config, str(prefix)).eval()
    model.tie_weights()
    write_outputs(prefix.parent / "outputs.safetensors", tokens=model(IDS, attention_mask=MASK).logits)


def openai(name, value):
    """A tensor as OpenAI's programs name it: `w` and `b` of convolutions of width one, `g` and `b` of norms."""
    parts = name.split(".")
    array = value.numpy()
    if parts[0] == "h":
        parts[:2] = [f"h{parts[1]}"]
    norm = parts[-2].startswith("ln_")
    if len(parts) > 2 or norm:
        parts[-1] = {"weight": "g" if norm else "w", "bias": "b"}[parts[-1]]
    else:
        parts.pop()
    return "model/" + "/".join(parts), array[None] if array.ndim == 2 and parts[-1] == "w" else array


def gpt2():
    sizes = {"n_ctx": 16, "n_embd": 8, "n_head": 2, "n_layer": 2}
    config = transformers.GPT2Config(vocab_size=30, n_positions=16, **sizes)
    source = spread(transformers.GPT2Model(config), 6)
    arrays = dict(openai(name, value) for name, value in source.state_dict().items())
    prefix = FOLDER / "gpt2" / "model.ckpt"
    save(prefix, arrays)
    write_json(prefix.parent / "hparams.json", {"n_vocab": 30} | sizes)
    model = load_tf_weights_in_gpt2(transformers.GPT2Model(config), config, str(prefix)).eval()
    write_outputs(prefix.parent / "outputs.safetensors", hidden=model(IDS).last_hidden_state)


def openai_gpt():
    config = transformers.OpenAIGPTConfig(vocab_size=30, n_positions=16, n_embd=8, n_head=2, n_layer=2)
    source = spread(transformers.OpenAIGPTModel(config), 7)
    state = {name: value for name, value in source.state_dict().items() if not name.endswith("position_ids")}
    arrays = [state.pop("positions_embed.weight").numpy(), state.pop("tokens_embed.weight").numpy()]
    names = ["model/we:0"]
    for layer in range(2):  # in the order in which OpenAI's program makes its variables
        for part in ("attn.c_attn", "attn.c_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"):
            for leaf in ("weight", "bias"):
                name, array = openai(f"h.{layer}.{part}.{leaf}", state[f"h.{layer}.{part}.{leaf}"])
                names.append(f"{name}:0")
                arrays.append(array)
    folder = FOLDER / "openai_gpt"
    folder.mkdir(parents=True)
    row = np.concatenate([array.reshape(-1) for array in arrays])
    for index, part in enumerate(np.array_split(row, 10)):
        np.save(folder / f"params_{index}.npy", part)
    write_json(folder / "params_shapes.json", [array.shape for array in arrays])
    write_json(folder / "parameters_names.json", names)
    model = load_tf_weights_in_openai_gpt(transformers.OpenAIGPTModel(config), config, str(folder)).eval()
    write_outputs(folder / "outputs.safetensors", hidden=model(IDS).last_hidden_state)


def transfo_xl():
    config = TransfoXLConfig(
        vocab_size=30, cutoffs=[8, 16], d_model=8, d_embed=8, n_head=2, d_head=4, d_inner=12, div_val=2, n_layer=2,
        mem_len=4, clamp_len=6, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    source = spread(TransfoXLLMHeadModel(config), 8)
    source.tie_weights()
    state = {name: value.numpy() for name, value in source.state_dict().items()}
    arrays = {"transformer/adaptive_softmax/cutoff_0/cluster_W": state["crit.cluster_weight"]}
    arrays["transformer/adaptive_softmax/cutoff_0/cluster_b"] = state["crit.cluster_bias"]
    for i in range(3):
        embed, softmax = f"transformer/adaptive_embed/cutoff_{i}", f"transformer/adaptive_softmax/cutoff_{i}"
        arrays[f"{embed}/lookup_table"] = state[f"transformer.word_emb.emb_layers.{i}.weight"]
        arrays[f"{embed}/proj_W"] = state[f"transformer.word_emb.emb_projs.{i}"].T
        arrays[f"{softmax}/b"] = state[f"crit.out_layers.{i}.bias"]
        if not config.tie_projs[i]:
            arrays[f"{softmax}/proj"] = state[f"crit.out_projs.{i}"].T
    for name in ("r_r_bias", "r_w_bias"):
        arrays[f"transformer/{name}"] = np.stack([state[f"transformer.layers.{n}.dec_attn.{name}"] for n in range(2)])
    for n in range(2):
        old, new = f"transformer.layers.{n}", f"transformer/layer_{n}"
        for name in ("qkv", "o", "r"):
            arrays[f"{new}/rel_attn/{name}/kernel"] = state[f"{old}.dec_attn.{name}_net.weight"].T
        for scope, part in (("rel_attn", "dec_attn"), ("ff", "pos_ff")):
            arrays[f"{new}/{scope}/LayerNorm/gamma"] = state[f"{old}.{part}.layer_norm.weight"]
            arrays[f"{new}/{scope}/LayerNorm/beta"] = state[f"{old}.{part}.layer_norm.bias"]
        for number, place in ((1, 0), (2, 3)):
            arrays[f"{new}/ff/layer_{number}/kernel"] = state[f"{old}.pos_ff.CoreNet.{place}.weight"].T
            arrays[f"{new}/ff/layer_{number}/bias"] = state[f"{old}.pos_ff.CoreNet.{place}.bias"]
    prefix = FOLDER / "transfo_xl" / "model.ckpt"
    save(prefix, with_training(arrays, ("Adam", "Adam_1")))
    write_json(prefix.parent / "config.json", config.to_diff_dict())
    model = load_tf_weights_in_transfo_xl(TransfoXLLMHeadModel(config), config, str(prefix)).eval()
    model.tie_weights()
    # its forward pass does not run in this release, so what the converter read is kept instead
    write_outputs(prefix.parent / "weights.safetensors", **{name: v.clone() for name, v in model.state_dict().items()})


# Checkpoints of objects


def objects():
    config = transformers.BertConfig(vocab_size=30, num_labels=3, **BERT_SIZES | {"num_hidden_layers": 1})
    keras.utils.set_random_seed(9)
    model = transformers.TFBertForSequenceClassification(config)
    optimizers = {"new": keras.optimizers.Adam(), "legacy": keras.optimizers.legacy.Adam()}
    logits = model(IDS.numpy(), attention_mask=MASK.numpy()).logits
    optimizers["new"].build(model.trainable_variables[:2])
    optimizers["legacy"]._create_all_weights(model.trainable_variables[-2:])
    folder = FOLDER / "objects"
    folder.mkdir(parents=True)
    tf.train.Checkpoint(model=model, optimizer=optimizers["new"], old=optimizers["legacy"]).save(str(folder / "ckpt"))
    model.save_weights(str(folder / "weights"), save_format="tf")
    (folder / "checkpoint").unlink()
    write_json(folder / "config.json", config.to_diff_dict())
    write_outputs(folder / "outputs.safetensors", logits=torch.from_numpy(logits.numpy()))


# Types and slices


def types():
    """A tensor of every type, and variables in slices, by the operations that every Saver ends in."""
    rng = np.random.default_rng(0)
    tensors = {"empty": tf.zeros((0, 3)), "scalar": tf.constant(2.5), "text": tf.constant(["a", "bcd"])}
    for name in ("float32", "float64", "float16", "bfloat16"):
        tensors[name] = tf.cast(tf.constant(rng.standard_normal((3, 2))), name)
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        tensors[name] = tf.cast(tf.constant(rng.integers(0, 100, (2, 3))), name)
    for name in ("qint8", "quint8", "qint16", "quint16", "qint32"):
        tensors[name] = tf.bitcast(tensors[name.replace("q", "")], name)
    for name in ("complex64", "complex128"):
        tensors[name] = tf.constant(rng.standard_normal(2) + 1j * rng.standard_normal(2), name)
    tensors["bool"] = tf.constant([True, False, True])
    folder = FOLDER / "types"
    folder.mkdir(parents=True)
    whole = list(tensors.items())
    rows = tf.constant(rng.standard_normal((100, 2)), tf.float32)
    columns = tf.constant(rng.integers(0, 1000, (2, 9)), tf.int32)
    first = [(name, "", value) for name, value in whole[::2]] + [("rows", "100 2 0,70:-", rows[:70])]
    first += [("columns", "2 9 -:0,2", columns[:, :2]), ("columns", "2 9 -:6,3", columns[:, 6:])]
    second = [(name, "", value) for name, value in whole[1::2]] + [("rows", "100 2 70,30:-", rows[70:])]
    second += [("columns", "2 9 -:2,4", columns[:, 2:6]), ("squares", "2 2 0,1:0,1", rows[:1, :1])]
    prefixes = [str(folder / f"part{index}") for index in (0, 1)]
    for prefix, given in zip(prefixes, (first, second), strict=True):
        names, slices, values = zip(*given, strict=True)
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=slices, tensors=values)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=str(folder / "all"))
    tensors |= {"rows": rows, "columns": columns}
    written = {name: value for name, value in tensors.items() if name != "text"}
    plain = {name: tf.bitcast(v, name.replace("q", "")) if "q" in name else v for name, v in written.items()}
    write_json(
        folder / "values.json",
        {
            name: {"shape": value.shape.as_list(), "dtype": value.dtype.name, "bytes": value.numpy().tobytes().hex()}
            for name, value in plain.items()
        },
    )


def t2t(folder):
    """Digests of the tensors of a public checkpoint of tensor2tensor, as TensorFlow reads them."""
    reader = tf.train.load_checkpoint(str(folder / "model.ckpt-1"))
    digests = {
        name: [*shape, hashlib.sha256(np.ascontiguousarray(reader.get_tensor(name)).tobytes()).hexdigest()[:12]]
        for name, shape in sorted(reader.get_variable_to_shape_map().items())
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in digests.items())
    (FOLDER / "t2t.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kept = FOLDER / "t2t.json"
    content = kept.read_text() if kept.exists() else None
    shutil.rmtree(FOLDER, ignore_errors=True)
    with torch.no_grad():
        for make in (bert, albert, electra, xlnet, gpt2, openai_gpt, transfo_xl):
            make()
    objects()
    types()
    if len(sys.argv) > 1:
        t2t(Path(sys.argv[1]))
    elif content is not None:
        kept.write_text(content)
