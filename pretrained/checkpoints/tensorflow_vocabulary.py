r"""How does TensorFlow 2 call a tensor, whichever file it is in?

A Keras variable is called by the way to it: `bert/encoder/layer_._0/attention/self/query/kernel:0`. The rules turn
such a name into the published one, `bert.encoder.layer.0.attention.self.query.weight`, and say which way round the
tensor lies. Keras weights put the name of the model before it, which may be anything, and is dropped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pretrained.checkpoints.names import Rename, Vocabulary


@dataclass(frozen=True)
class TensorFlowNames:
    """How the TensorFlow classes of a family differ from the rule by which published names become variables'."""

    rules: Sequence[Rename] = ()
    """From the variable by the rule, "cls/predictions/bias", to its name there. Tied weights, which TensorFlow mostly
    has once, are written where a rule names them."""
    shared: tuple[str, str] = ("", "")
    """(layer of a head, part of the network that the layer holds as well): it is in Keras' files twice."""


_OUTPUT = re.compile(r":\d+$")  # which output of the operation that makes the variable: ":0"
_SCOPED = re.compile(r"[^/]*___([^/]+)")  # "mlm___cls": a second layer `cls` of its model, for masked tokens

_RULES = (
    Rename(r"(.*)\.kernel", r"\1.weight", transpose=True),  # [in, out] → [out, in]
    Rename(r"(.*)\.(?:embeddings|gamma)", r"\1.weight"),
    Rename(r"(.*)\.beta", r"\1.bias"),
    # GPT and GPT-2 keep their kernels as [in, out] under the name `weight`, and biases as [1, out]
    Rename(r"(?!predictions\.bias$)(.*)\.bias", r"\1.bias", rank=1),
    # ALBERT's head has two biases, adds `decoder/bias` and never trains the other; in PyTorch they are one
    Rename(r"predictions\.bias", None),
    # Transformer-XL's projections of narrow embeddings are bare matrices: [narrow, wide] → [wide, narrow]
    Rename(r"(.*)\.(emb_projs|out_projs)\.(\d+)", r"\1.\2.\3", transpose=True),
)


def _separate(name: str) -> str:
    """ "bert/encoder/layer_._0/output/dense/kernel:0" → "bert.encoder.layer.0.output.dense.kernel"."""
    parts = _SCOPED.sub(r"\1", _OUTPUT.sub("", name)).replace("_._", "/").split("/")
    return ".".join(part for part in parts if part)


def _separate_model(name: str) -> str:
    """The same without the name of the model, "tf_bert_model/…"; a layer that stands alone keeps its name."""
    rest = name.partition("/")[2]
    return _separate(rest if "/" in rest else name)


# Names that begin with the first layer: safetensors files and h5 shards that TensorFlow wrote.
TENSORFLOW = Vocabulary(_RULES, _separate)
# Names that begin with the name of the model: Keras weights.
KERAS = Vocabulary(_RULES, _separate_model)
