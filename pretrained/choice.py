"""Which family do these files speak for, and what says so?

The evidence, the strongest first: `model_type`; `architectures`; the shape, that is the configuration's keys, and the
names of the tensors where several families have such keys; the name of the model. For a tokenizer the shape is that
of its vocabulary: which files there are, and which tokens stand in them.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

from pretrained import registry
from pretrained.errors import ConfigurationError, ModelFileNotFoundError, PretrainedError, TokenizationError
from pretrained.family import Family
from pretrained.hub import ModelFiles, short_name
from pretrained.hub.catalogue import ShortName, hub_ids
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.sniff import sniff
from pretrained.tokenization.sentencepiece import parse_model


class Choice(NamedTuple):
    """A family, and what spoke for it."""

    family: Family
    reason: str


def choose_family(files: ModelFiles, config: Mapping[str, Any] | None = None) -> Choice:
    """The family of a model, from its files.

    Raises:
        ModelFileNotFoundError: there is no configuration, and the name says nothing either.
        ConfigurationError: the configuration fits no family of this version.
    """
    config = files.config() if config is None else config
    if config is None:
        named = _by_name(files, registry.families().values())
        if named is None:
            files.require("config.json")  # raises, saying what is there instead
        assert named is not None
        return named
    found = _declared(config) or _by_shape(files, config) or _by_name(files, registry.families().values())
    if found is None:
        raise ConfigurationError(
            f"{files.name}: the configuration has neither a model_type nor architectures that tell its family, its "
            f"keys ({', '.join(sorted(config)[:8])}, …) fit none, and neither tensors nor name tell. Add a line such "
            'as "model_type": "bert" to config.json, or use the class itself instead of an Auto class. '
            f"Families of this version: {', '.join(sorted(registry.families()))}"
        )
    return found


def choose_tokenizer(files: ModelFiles, config: Mapping[str, Any] | None = None) -> type:
    """The tokenizer class of a model, from its files; a vocabulary alone is enough where it tells.

    The decision is added to the notes of the files.

    Raises:
        ModelFileNotFoundError: there is no vocabulary.
        TokenizationError: several classes fit, or one that this version does not have.
    """
    config = files.config() if config is None else config
    for name, source in (("tokenizer_config.json", files.json("tokenizer_config.json")), ("config.json", config)):
        wanted = (source or {}).get("tokenizer_class")
        for spelled in (wanted, str(wanted).removesuffix("Fast")):
            if spelled in registry.public_names():
                files.note(f"the tokenizer is {spelled}: {name} says so")
                return registry.load(*registry.public_names()[spelled])
    declared = _declared(config) if config else None
    published = _published(files, declared)
    if published is not None:
        if published.tokenizer_class not in registry.public_names():
            raise TokenizationError(
                f"{files.name} was published with a {published.tokenizer_class}, which this version does not have"
            )
        files.note(f"the tokenizer is {published.tokenizer_class}: {files.name!r} is a published name")
        return registry.load(*registry.public_names()[published.tokenizer_class])
    found = declared or _by_vocabulary(files, config or {})
    if not found.family.tokenizers:
        raise ConfigurationError(f"{files.name} is of the family {found.family.model_type}, which has no tokenizer")
    files.note(f"the tokenizer is that of {found.family.model_type}: {found.reason}")
    chosen: type = _tokenizer(found.family)
    return chosen


def _published(files: ModelFiles, declared: Choice | None) -> ShortName | None:
    """What is known of the model's name; None where the files may be of another model, as in a folder of any name."""
    known = next(filter(None, map(short_name, hub_ids(files.published_name))), None)
    if known is None or known.architecture not in registry.families():
        return None
    same = known.architecture == declared.family.model_type if declared else files.kind not in ("folder", "file")
    return known if same else None


# What the configuration says


def _declared(config: Mapping[str, Any]) -> Choice | None:
    model_type = config.get("model_type")
    if model_type:
        return Choice(registry.family(str(model_type)), f"config.json says model_type={model_type!r}")
    for architecture in config.get("architectures") or ():
        for found in registry.families().values():
            if architecture in found.public_names():
                return Choice(found, f"config.json says architectures={architecture!r}")
    return None


# The shape of the configuration and of the weights


def _by_keys(config: Mapping[str, Any]) -> list[Family]:
    """The family with most keys of this configuration, and behind it those that build on it and have no own ones."""
    every = registry.families().values()
    fitting = [found for found in every if found.config_keys and found.config_keys <= config.keys()]
    likely = [max(fitting, key=lambda found: len(found.config_keys))] if fitting else []
    for parent in likely:  # grows while it is read, so children of children are found too
        likely += [found for found in every if found.parent == parent.model_type and not found.config_keys]
    return likely


def _by_shape(files: ModelFiles, config: Mapping[str, Any]) -> Choice | None:
    likely = _by_keys(config)
    reasons = [f"config.json has the keys of {likely[0].model_type}"] if likely else []
    if len(likely) == 1:
        return Choice(likely[0], f"{reasons[0]} ({', '.join(sorted(likely[0].config_keys))})")
    fitting = _by_tensors(files, likely or registry.families().values())
    if fitting:
        reasons.append(f"the weights have a tensor called {fitting[0][1]}")
        likely = [found for found, _ in fitting]
    named = _by_name(files, likely) if len(likely) > 1 else None
    if named is not None:
        return Choice(named.family, ", and ".join((*reasons, named.reason)))
    ancestors = [found for found in likely if found.parent not in {other.model_type for other in likely}]
    return Choice(ancestors[0], ", and ".join(reasons)) if len(ancestors) == 1 else None


def _by_tensors(files: ModelFiles, candidates: Iterable[Family]) -> list[tuple[Family, str]]:
    """The candidates whose networks have a tensor of such a name as these weights have, and that name."""
    try:
        weights = files.weights()
        if weights.index is not None:
            names: Collection[str] = weights.index
        else:
            from pretrained.checkpoints import open_checkpoint, published  # imports torch

            names = published(open_checkpoint(weights), ()).keys()
    except PretrainedError:
        return []  # loading them says what is wrong
    matches = ((found, next(filter(re.compile(_tensor_names(found)).fullmatch, names), None)) for found in candidates)
    return [(found, name) for found, name in matches if name is not None]


def _tensor_names(found: Family) -> str:
    """The pattern of a family, or of the one that it builds on; one that matches nothing where there is none."""
    if not found.tensor_names and found.parent is not None:
        return _tensor_names(registry.family(found.parent))
    return found.tensor_names or r"(?!)"


# The name


def _by_name(files: ModelFiles, candidates: Iterable[Family]) -> Choice | None:
    able = {found.model_type: found for found in candidates}
    known = next(filter(None, map(short_name, hub_ids(files.published_name))), None)
    if known is not None and known.architecture in able:
        return Choice(able[known.architecture], f"{files.name!r} is a published name of that family")
    lowered = Path(files.name).name.lower() if files.kind != "cache" else files.name.lower()
    # the longest name first, so that "distilbert" or "xlm-roberta" is not taken for a part of it
    for model_type in sorted(registry.families(), key=len, reverse=True):
        if model_type in lowered:
            reason = f"the name {files.name!r} contains {model_type!r}"
            return Choice(able[model_type], reason) if model_type in able else None
    return None


# The shape of the vocabulary


def _tokenizer(found: Family) -> Any:
    return registry.load(found, found.tokenizers[0])


def _by_vocabulary(files: ModelFiles, config: Mapping[str, Any]) -> Choice:
    """By the files of a tokenizer and the tokens in them; where these leave a choice, by the name."""
    likely = _by_keys(config)
    reasons = [f"config.json has the keys of {likely[0].model_type}"] if likely else []
    candidates = [found for found in likely or registry.families().values() if found.tokenizers]
    if len(candidates) == 1:
        return Choice(candidates[0], reasons[0])
    paths = {found.model_type: _tokenizer(found).vocabulary_file(files) for found in candidates}
    able = [found for found in candidates if paths[found.model_type] is not None]
    if not able:
        named = _by_name(files, candidates)
        if named is not None:
            return named  # its class says which file is missing
        raise _no_vocabulary(files)
    reasons.append("there is " + ", ".join(sorted({paths[found.model_type].name for found in able})))
    tokens = {path: read_tokens(path) for path in {paths[found.model_type] for found in able}}
    told = [found for found in able if found.tokens and found.tokens <= tokens[paths[found.model_type]]]
    if told:
        most = max(len(found.tokens) for found in told)
        able = [found for found in told if len(found.tokens) == most]
        reasons[-1] += f" with the tokens {', '.join(sorted(able[0].tokens))}"
    if len(able) > 1:
        named = _by_name(files, able)
        # what builds on another and has no tokens of its own uses the other's vocabulary
        able = [found for found in able if found.tokens or found.parent not in {other.model_type for other in able}]
        if named is not None:
            able = [named.family]
            reasons.append(named.reason)
        elif len(able) > 1:
            classes = [_tokenizer(found).__name__ for found in able]
            raise TokenizationError(
                f"Nothing tells the tokenizer of {files.name}: {' and '.join(reasons)}, which fits "
                f"{', '.join(classes)}. Use the class itself, such as {classes[0]}.from_pretrained({files.name!r}), "
                "or bring the model's config.json"
            )
    return Choice(able[0], ", and ".join(reasons))


def _no_vocabulary(files: ModelFiles) -> ModelFileNotFoundError:
    tokenizers = [_tokenizer(found) for found in registry.families().values() if found.tokenizers]
    names = sorted({name for tokenizer in tokenizers for name in tokenizer.vocab_files_names.values()})
    there = ", ".join(fact.name for fact in files.listing()[:8])
    return ModelFileNotFoundError(
        f"{files.name} has no vocabulary. Looked in {files.root} for {', '.join(names)}; there is "
        f"{there or 'nothing'}. Bring the tokenizer's files of the same model"
    )


def read_tokens(path: Path) -> Set[str]:
    """The tokens in a vocabulary file of any kind; none for a pickled or a damaged one, whose class reads it."""
    try:
        data = path.read_bytes()
        if sniff(path).kind == "sentencepiece":
            return set(parse_model(data, source=str(path)).pieces)
        if path.suffix.lower() == ".json":
            content = parse_json(data)
            if not isinstance(content.get("model"), Mapping):  # also a word of vocabularies
                return set(content)
            vocab, added = content["model"]["vocab"], content.get("added_tokens") or ()
            pieces = vocab if isinstance(vocab, Mapping) else (piece for piece, *_ in vocab)
            return {*pieces, *(token["content"] for token in added)}
        return {line.rstrip("\r") for line in data.decode("utf-8-sig").split("\n")}
    except (PretrainedError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return frozenset()
