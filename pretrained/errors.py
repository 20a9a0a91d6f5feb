"""What can go wrong, as a tree.

Every error is also the builtin that a caller would expect to catch, so `except OSError` around
`from_pretrained` keeps working for people who never heard of this module.

    PretrainedError
    ├── ModelNotFoundError       OSError            the name leads to no files on this machine
    │   └── DownloadError                       the name leads to no files here, and the network did not bring them
    ├── ModelFileNotFoundError   FileNotFoundError  the model is here, one of its files is not
    ├── CorruptFileError         OSError            a file is damaged, or is not what its name says
    ├── UnsafeFileError          ValueError         a file asks for something no data file may ask for
    ├── UnsupportedFormatError   ValueError         a file is understood, and this version does not read it
    ├── CheckpointError          RuntimeError       tensors and model do not fit each other
    ├── ConfigurationError       ValueError         a configuration contradicts itself
    ├── TokenizationError        ValueError         a text or an option that the tokenizer cannot take
    ├── InputError               ValueError         a model was called with inputs that do not fit it
    ├── DataError                ValueError         a row or file of data is not what its task expects
    ├── UnknownTaskError         KeyError           there is no pipeline of that name
    └── MissingDependencyError   ImportError        an optional package is needed, and named

Messages follow one order: what was asked, where we looked, what was found instead, what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PretrainedError(Exception):
    """The base of every error that this package raises on purpose."""


class ModelNotFoundError(PretrainedError, OSError):
    """The name leads to no model on this machine."""


class DownloadError(ModelNotFoundError):
    """The files of a model are not on this machine, and could not be brought to it."""


class ModelFileNotFoundError(PretrainedError, FileNotFoundError):
    """The model was found, but one of the files it needs is not there."""


class CorruptFileError(PretrainedError, OSError):
    """A file is truncated, empty, an HTML page, a git-lfs pointer, or otherwise not what it should be."""


class UnsafeFileError(PretrainedError, ValueError):
    """A file asks to run code, to read outside its folder, or to use far more than its own size."""


class UnsupportedFormatError(PretrainedError, ValueError):
    """A file is recognised, but nothing here reads it."""


class CheckpointError(PretrainedError, RuntimeError):
    """The tensors of a checkpoint do not fit the model they are loaded into."""


class ConfigurationError(PretrainedError, ValueError):
    """A configuration has a value that cannot be, or two that contradict each other."""


class TokenizationError(PretrainedError, ValueError):
    """A text, an option or a vocabulary that the tokenizer cannot take."""


class InputError(PretrainedError, ValueError):
    """A model was called with tensors that do not fit it or each other."""


class DataError(PretrainedError, ValueError):
    """A file of training data is not as its task expects; the message names file, line and what was expected."""


class UnknownTaskError(PretrainedError, KeyError):
    """There is no pipeline for the task; the message names those that there are."""

    def __str__(self) -> str:  # a KeyError would show its message in quotes
        return str(self.args[0])


class MissingDependencyError(PretrainedError, ImportError):
    """An optional package is needed; the message names it and the command that installs it."""


def did_you_mean(asked: str, known: Iterable[str]) -> str:
    """What a message adds to a name that there is not: " (did you mean …?)", or nothing if no known one is near."""
    near = get_close_matches(asked, list(known), n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
