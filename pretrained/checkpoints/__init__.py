"""What tensors are in a model's files, by their published names?"""

from pretrained.checkpoints.checkpoint import Checkpoint, Origin, Renamed, from_state_dict, open_checkpoint, published
from pretrained.checkpoints.names import Rename, Vocabulary, historical_name, wrapper_prefix
from pretrained.checkpoints.tensorflow_vocabulary import TensorFlowNames
from pretrained.checkpoints.writing import save_checkpoint

__all__ = [
    "Checkpoint",
    "Origin",
    "Rename",
    "Renamed",
    "TensorFlowNames",
    "Vocabulary",
    "from_state_dict",
    "historical_name",
    "open_checkpoint",
    "published",
    "save_checkpoint",
    "wrapper_prefix",
]
