"""How does TensorFlow 1 call a tensor, and what stands beside the weights in its checkpoints?

The names are the scopes of a graph: `bert/encoder/layer_0/attention/self/query/kernel`. They keep their slashes here,
so that no rule mistakes such a name for one of PyTorch; the families' own tables give them their published names.
"""

import re

from pretrained.checkpoints.names import Rename, Vocabulary
from pretrained.checkpoints.tensorflow_vocabulary import KERAS

# What optimizers and training loops keep: their variables are scopes of their own, or end the name of a weight.
_TRAINING = (
    r"(?:.*/)?(?:adam_[mv]|Adam(?:_\d+)?|AdamWeightDecayOptimizer(?:_\d+)?|Momentum|RMSProp(?:_\d+)?|Adagrad"
    r"|Adafactor(?:_\d+)?|ExponentialMovingAverage|global_step|beta[12]_power(?:_\d+)?|loss_scale|good_steps)(?:/.*)?"
)
_WEIGHT = rf"(?!{_TRAINING}$)(.*)/"


def _without_output(name: str) -> str:
    """ "model/h0/ln_1/g:0" → "model/h0/ln_1/g": the number of the operation's output says nothing."""
    return re.sub(r":\d+$", "", name)


TENSORFLOW_1 = Vocabulary(
    (
        Rename(_TRAINING, None),
        Rename(_WEIGHT + "kernel", r"\1/weight", transpose=True),  # [in, out] → [out, in]
        Rename(_WEIGHT + "gamma", r"\1/weight"),
        Rename(_WEIGHT + "beta", r"\1/bias"),
    ),
    _without_output,
)

# Checkpoints of objects: variables under the names that Keras gave them, the rest under the way to it in the program.
_OBJECT = r"/\.ATTRIBUTES/VARIABLE_VALUE"
_OPTIMIZER = (
    r"(?:(?:.*/)?(?:_variables/\d+|_iterations|_learning_rate|save_counter|keras_api/.*)"
    r"|(?:[^/]+|.*/[^/]*optimizer[^/]*)/(?:iter|beta_[12]|decay|learning_rate|momentum|rho))"
    + _OBJECT
    + r"|.*/\.OPTIMIZER_SLOT/.*"
)
_IS_TRAINING = re.compile(_OPTIMIZER)


def of_training(key: str) -> bool:
    """Whether the key of an object's variable is one of an optimizer, a metric or a counter."""
    return _IS_TRAINING.fullmatch(key) is not None


def _separate_object(name: str) -> str:
    return name if of_training(name) else KERAS.separate(name)


OBJECTS = Vocabulary((Rename(_OPTIMIZER, None), *KERAS.rules), _separate_object)
