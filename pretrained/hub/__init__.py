"""Where are the files of a model? Names, folders, packages and caches of this machine become `ModelFiles`."""

from pretrained.hub.catalogue import DEFAULT_MODEL, ShortName, short_name, short_names
from pretrained.hub.files import FileFacts, ModelFiles
from pretrained.hub.options import split_options
from pretrained.hub.sources import resolve
from pretrained.hub.weights import WeightFiles

__all__ = [
    "DEFAULT_MODEL",
    "FileFacts",
    "ModelFiles",
    "ShortName",
    "WeightFiles",
    "resolve",
    "short_name",
    "short_names",
    "split_options",
]
