"""How is a tokenizer read from its files, and written so that everybody reads it back?

tokenizer_config.json     constructor arguments, and every added token with its rules
special_tokens_map.json   special tokens by attribute
added_tokens.json         token → id of what was added after the vocabulary, in the form of 2.x and 3.x
vocab.txt …               the family's own vocabulary
tokenizer.json            the whole pipeline, as the `tokenizers` package writes it
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tokenizers import AddedToken

from pretrained.atomic import write_text
from pretrained.errors import CorruptFileError, TokenizationError
from pretrained.hub import ModelFiles, short_name
from pretrained.hub.catalogue import hub_ids
from pretrained.tokenization.notices import warn
from pretrained.tokenization.published import constructor_arguments
from pretrained.tokenization.special_tokens import NAMED, from_json, to_json

if TYPE_CHECKING:
    from pretrained.tokenization.base import PreTrainedTokenizer

CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
ADDED = "added_tokens.json"
PIPELINE = "tokenizer.json"

_NOT_ARGUMENTS = frozenset(
    {"tokenizer_class", "added_tokens_decoder", "init_inputs", "backend", "is_local", "auto_map"}
    | {"local_files_only", "full_tokenizer_file"}
)
_PLACES = frozenset(
    {"name_or_path", "special_tokens_map_file", "added_tokens_file", "tokenizer_config_file", "tokenizer_file"}
)

T = TypeVar("T", bound="PreTrainedTokenizer")


def load(cls: type[T], files: ModelFiles, init_inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> T:
    """A tokenizer from its files. What counts more stands further right:
    facts of the short name < tokenizer_config.json < special_tokens_map.json < keywords of the call.
    """
    config = _read(files, CONFIG)
    facts = _published_facts(*hub_ids(files.published_name))
    length = facts.get("model_max_length")
    if not config:
        # a folder often has the name of what was put there
        facts = facts or _published_facts(Path(files.published_name.replace("\\", "/")).name)
    given = {key: value for key, value in kwargs.items() if key != "use_fast"}
    init = ({} if config else facts) | _arguments(config) | _read(files, SPECIAL) | given
    if length is not None:
        # the table of published names is an upper bound: the model's positions end there
        said = init.get("model_max_length") or init.pop("max_len", None) or length
        init["model_max_length"] = min(said, length)
    paths = {argument: files.get(name) for argument, name in cls.vocab_files_names.items()}
    if not any(argument in init for argument in paths) and not init_inputs:
        if not any(paths.values()):
            files.require(next(iter(cls.vocab_files_names.values())))
        init |= {argument: str(path) for argument, path in paths.items() if path is not None}
    tokenizer = cls(*(init_inputs or config.get("init_inputs", ())), **init)
    tokenizer.name_or_path = files.name
    tokenizer.init_inputs = tuple(init_inputs)
    restore_added(tokenizer, _added_tokens(config, _read(files, ADDED, parse=False)), source=files.name)
    count = tokenizer.sanitize_special_tokens()
    if count:
        warn(
            f"{count} special tokens of {files.name} are not in its vocabulary and were added behind it: their "
            "embeddings must be made (model.resize_token_embeddings(len(tokenizer))) and trained"
        )
    return tokenizer


def _read(files: ModelFiles, name: str, *, parse: bool = True) -> dict[str, Any]:
    content = files.json(name) or {}
    parsed: dict[str, Any] = from_json(content) if parse else content
    return parsed


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments in a tokenizer_config.json of any year."""
    arguments = {key: value for key, value in config.items() if key not in _NOT_ARGUMENTS | _PLACES}
    extra = arguments.pop("extra_special_tokens", None)  # the name of today
    if extra:
        arguments.setdefault("additional_special_tokens", list(extra.values()) if isinstance(extra, Mapping) else extra)
    return arguments


def _published_facts(*names: str) -> dict[str, Any]:
    """The constructor arguments that are known of a published checkpoint, {} for one that is not in the catalogue."""
    for found in filter(None, map(short_name, names)):
        facts = constructor_arguments(found)
        if found.max_length is not None:
            facts["model_max_length"] = found.max_length
        return facts
    return {}


def _added_tokens(config: Mapping[str, Any], old: Mapping[str, Any]) -> dict[int, AddedToken | str]:
    """Id → token, from both files that may list them; the one with rules counts more."""
    added: dict[int, AddedToken | str] = {int(index): token for token, index in old.items()}
    return added | {int(index): token for index, token in (config.get("added_tokens_decoder") or {}).items()}


def restore_added(tokenizer: "PreTrainedTokenizer", added: Mapping[int, AddedToken | str], *, source: str) -> None:
    """Adds tokens that must get the ids they had.

    Raises:
        CorruptFileError: one of them would get another id, so the vocabulary is not the one they were added to.
    """
    engine = tokenizer._engine
    special = set(tokenizer.all_special_tokens)
    missing: list[AddedToken] = []
    following = len(tokenizer)
    for index, token in sorted(added.items()):
        known = engine.token_to_id(str(token))
        if index in engine.added and known == index:
            continue
        if known is None and index == following:
            following += 1
        elif known != index:
            place = f"the id {known}" if known is not None else f"the id {following}, the next one that is free"
            raise CorruptFileError(
                f"{source}: the added token {str(token)!r} had the id {index} and would get {place}. The vocabulary of "
                f"{tokenizer.vocab_size} tokens is not the one it was added to: bring all tokenizer files of one model"
            )
        missing.append(_with_rules(tokenizer, token, special=str(token) in special))
    if missing:
        engine.add(missing)


def _with_rules(tokenizer: "PreTrainedTokenizer", token: AddedToken | str, *, special: bool) -> AddedToken:
    """A token of a file keeps its spelling; a plain text gets the rules it would get today."""
    if isinstance(token, AddedToken):
        return token
    made = tokenizer._added_token(token, special=special)
    return AddedToken(token, normalized=made.normalized, special=made.special)


def save(
    tokenizer: "PreTrainedTokenizer", folder: str | os.PathLike[str], *, legacy_format: bool | None, prefix: str | None
) -> tuple[str, ...]:
    """Writes every file under a temporary name and renames it; returns the paths."""
    target = Path(folder).expanduser()
    if target.exists() and not target.is_dir():
        raise TokenizationError(f"{target} is a file; a tokenizer is saved into a folder")
    target.mkdir(parents=True, exist_ok=True)
    pipeline = None if legacy_format else tokenizer.pipeline_json()
    if legacy_format is False and pipeline is None:
        raise TokenizationError(f"{type(tokenizer).__name__} has no tokenizer.json; leave legacy_format away")

    def path_of(name: str) -> Path:
        return target / (f"{prefix}-{name}" if prefix else name)

    def write(name: str, content: Any) -> str:
        write_text(path_of(name), json.dumps(content, ensure_ascii=False, indent=2) + "\n")
        return str(path_of(name))

    written = [
        write(CONFIG, _config_of(tokenizer)),
        write(SPECIAL, to_json(tokenizer.special_tokens_map_extended, marked=False)),
    ]
    if legacy_format is not False:
        written += tokenizer.save_vocabulary(target, filename_prefix=prefix)
    added = tokenizer.get_added_vocab()
    if added or path_of(ADDED).exists():  # an older file there would add tokens that are gone
        written.append(write(ADDED, added))
    if pipeline is not None:
        written.append(write(PIPELINE, pipeline))
    return tuple(written)


def _config_of(tokenizer: "PreTrainedTokenizer") -> dict[str, Any]:
    """The constructor arguments as they stand now, without places on this machine."""
    left_out = {*_NOT_ARGUMENTS, *_PLACES, *tokenizer.vocab_files_names, "vocab", "max_len", "extra_special_tokens"}
    left_out |= {*NAMED, "additional_special_tokens"}
    config: dict[str, Any] = {key: value for key, value in tokenizer.init_kwargs.items() if key not in left_out}
    config |= {
        "tokenizer_class": type(tokenizer).__name__,
        "model_max_length": tokenizer.model_max_length,
        "model_input_names": list(tokenizer.model_input_names),  # Transformers 5 gives ALBERT and XLNet no token types
        "padding_side": tokenizer.padding_side,
        "truncation_side": tokenizer.truncation_side,
        "clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces,
    }
    if tokenizer.init_inputs:
        config["init_inputs"] = tokenizer.init_inputs
    content: dict[str, Any] = to_json(config, marked=True)
    content |= to_json(tokenizer.special_tokens_map_extended, marked=True)
    content["added_tokens_decoder"] = to_json(dict(sorted(tokenizer.added_tokens_decoder.items())), marked=False)
    for key, value in content.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise TokenizationError(
                f"{key}={value!r}, given to the constructor, cannot be written as JSON: {error}"
            ) from error
    return dict(sorted(content.items()))
