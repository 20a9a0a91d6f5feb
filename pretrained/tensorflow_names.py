"""How does TensorFlow call a model's tensors, and how do they lie there?

The names are places in a tf_model.h5: the layer of Keras, the name of the model, and the way through its modules. By
the rule, a linear layer has a `kernel`, a norm `gamma` and `beta`, a table `embeddings`, and the members of a list are
called `layer_._0`. Where a family differs, its class attribute `tensorflow` says how.
"""

import re
from collections.abc import Iterator

from torch import nn

from pretrained.checkpoints import Origin
from pretrained.checkpoints.names import find_rule
from pretrained.errors import UnsupportedFormatError
from pretrained.modeling import PreTrainedModel
from pretrained.nn.conv1d import Conv1D


def tensorflow_names(model: PreTrainedModel) -> dict[str, Origin]:
    """Place in a tf_model.h5, such as "bert/tf_bert_model/bert/pooler/dense/kernel:0" → the published tensor.

    A model on the meta device will do. A part that two layers of Keras share has two places.

    Raises:
        UnsupportedFormatError: TensorFlow has no class that holds what this model does.
    """
    family, kind = model.tensorflow, type(model).__name__
    if family is None:
        raise UnsupportedFormatError(
            f"{kind} cannot be written for TensorFlow: Transformers never had a class TF{kind}. Save the model as "
            "safetensors, which keeps every class."
        )
    tied = model._ties()
    variables: dict[str, Origin] = {}
    for name, variable, origin in _by_the_rule(model):
        rule = find_rule(variable, family.rules)
        if rule is not None:
            path, origin = rule.apply(variable), origin.after(rule)
        else:
            path = None if name in tied else variable
        if path is not None:
            variables[path] = origin if name not in tied else Origin(tied[name], origin.transpose, origin.rank)
            if name not in tied and name == f"{model.output_layer}.weight" and rule is None:
                raise UnsupportedFormatError(
                    f"this {kind} cannot be written for TensorFlow: it scores the vocabulary by a matrix of its own "
                    f"({name}), and TF{kind} by the one that embeds the tokens. Save the model as safetensors."
                )
    name = _snake(f"TF{kind}")
    places = {f"{path.partition('/')[0]}/{name}/{path}:0": origin for path, origin in variables.items()}
    layer, part = family.shared
    if any(path.startswith(f"{layer}/") for path in variables):
        places |= {
            f"{layer}/{name}/{path}:0": origin for path, origin in variables.items() if path.startswith(f"{part}/")
        }
    return places


def _by_the_rule(model: PreTrainedModel) -> Iterator[tuple[str, str, Origin]]:
    """(published name, variable of TensorFlow, how the one becomes the other) of each parameter."""
    inputs = model.get_input_embeddings()
    for path, module in model.named_modules():
        for leaf, _ in module.named_parameters(recurse=False):
            name = f"{path}.{leaf}" if path else leaf
            origin, last = Origin(name), leaf
            if isinstance(module, nn.Linear) and leaf == "weight":
                origin, last = Origin(name, transpose=True), "kernel"
            elif isinstance(module, nn.LayerNorm):
                last = {"weight": "gamma", "bias": "beta"}[leaf]
            elif isinstance(module, nn.Embedding) and module is not inputs:
                last = "embeddings"
            elif isinstance(module, Conv1D) and leaf == "bias":
                origin = Origin(name, rank=2)
            yield name, _joined(model, path, module, last), origin


def _joined(model: PreTrainedModel, path: str, module: nn.Module, leaf: str) -> str:
    """ "encoder.layer.0.output" → "bert/encoder/layer_._0/output/…": the members of lists have no part of their own."""
    joined = "" if model.base_model is not model else model.base_model_prefix
    here: nn.Module = model
    for part in path.split(".") if path else ():
        joined += (f"_._{part}" if isinstance(here, nn.ModuleList) else f"/{part}") if joined else part
        here = here.get_submodule(part)
    separator = "_._" if isinstance(module, nn.ParameterList) else "/"
    return f"{joined}{separator}{leaf}"


def _snake(name: str) -> str:
    """What Keras calls a model of this class: "TFBertModel" → "tf_bert_model"."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
