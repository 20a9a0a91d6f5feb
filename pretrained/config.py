"""What shape is the model? A dataclass whose fields are the keys of the published config.json."""

import copy
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, dataclass_transform

from pretrained.atomic import write_text
from pretrained.errors import ConfigurationError
from pretrained.hub import ModelFiles, resolve, split_options

CONFIG_NAME = "config.json"
_MOST_LAYERS = 1000  # published ones have up to 72; each costs time before a weight is read


@dataclass_transform(kw_only_default=True)
class PretrainedConfig:
    """The base of every configuration: the keys all families share, reading, writing and comparing.

    A subclass lists its keys as annotated fields with the published defaults and becomes a keyword-only
    dataclass by that. Keys nobody declared are kept as attributes and written back, so a file of any year
    survives a round trip. `aliases` gives a key its other published names: `{"n_embd": "hidden_size"}`
    means that both names read and set the same value.

    Raises:
        ConfigurationError: from the constructor, if two values contradict each other.
    """

    model_type: ClassVar[str] = ""
    aliases: ClassVar[Mapping[str, str]] = {}

    # what a forward pass returns
    return_dict: bool = True
    output_hidden_states: bool = False
    output_attentions: bool = False
    use_cache: bool = True
    # structure
    is_decoder: bool = False
    is_encoder_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True
    tie_encoder_decoder: bool = False
    pruned_heads: dict[int, list[int]] = dataclasses.field(default_factory=dict)
    chunk_size_feed_forward: int = 0
    torchscript: bool = False
    use_bfloat16: bool = False
    # task
    architectures: list[str] | None = None
    finetuning_task: str | None = None
    id2label: dict[int, str] = dataclasses.field(default_factory=lambda: {0: "LABEL_0", 1: "LABEL_1"})
    label2id: dict[str, int] = dataclasses.field(default_factory=lambda: {"LABEL_0": 0, "LABEL_1": 1})
    problem_type: str | None = None
    task_specific_params: dict[str, Any] | None = None
    # tokens
    tokenizer_class: str | None = None
    prefix: str | None = None
    bos_token_id: int | None = None
    pad_token_id: int | None = None
    eos_token_id: int | None = None
    sep_token_id: int | None = None
    decoder_start_token_id: int | None = None
    # generation
    max_length: int = 20
    min_length: int = 0
    do_sample: bool = False
    early_stopping: bool = False
    num_beams: int = 1
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    bad_words_ids: list[list[int]] | None = None
    num_return_sequences: int = 1
    xla_device: bool | None = None

    name_or_path = ""  # where it was loaded from; not a field, so two copies of one model compare equal

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(kw_only=True, init=False, repr=False, eq=False)(cls)

    def __init__(self, *unnamed: Any, **values: Any) -> None:
        if unnamed:
            raise TypeError(f"{type(self).__name__} takes its values by name, such as vocab_size={unnamed[0]!r}")
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            make = field.default_factory
            setattr(self, field.name, field.default if make is dataclasses.MISSING else make())
        if isinstance(size := values.get("vocab_size_or_config_json_file"), int):  # the name of 2019
            values = {"vocab_size": size} | values
        num_labels = values.pop("num_labels", values.pop("_num_labels", None))
        if num_labels is not None and not isinstance(num_labels, str) and values.get("id2label") is None:
            self.num_labels = num_labels
        for key, value in values.items():
            if key != "model_type" and not (value is None and key in ("id2label", "label2id", "pruned_heads")):
                setattr(self, key, value)
        self._normalise(values)
        self._check_numbers(num_labels)
        self.validate()

    def _normalise(self, values: Mapping[str, Any]) -> None:
        """JSON has only string keys and knows two spellings of a label table; inside there is one."""
        try:
            self.id2label = {int(index): label for index, label in self.id2label.items()}
            self.label2id = {label: int(index) for label, index in self.label2id.items()}
            self.pruned_heads = {int(layer): list(heads) for layer, heads in self.pruned_heads.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigurationError(
                "id2label must map numbers to names, label2id names to numbers, pruned_heads layers to lists of "
                f"heads; got id2label={self.id2label!r}, label2id={self.label2id!r}, pruned_heads={self.pruned_heads!r}"
            ) from error
        if "id2label" in values and "label2id" not in values:
            self.label2id = {label: index for index, label in self.id2label.items()}
        if "label2id" in values and "id2label" not in values:
            self.id2label = {index: label for label, index in self.label2id.items()}

    def _check_numbers(self, num_labels: Any) -> None:
        numbers = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if type(field.default) in (int, float)
        }
        for name, value in {**numbers, "num_labels": num_labels}.items():
            if isinstance(value, str):
                raise ConfigurationError(f"{name} must be a number, got the text {value!r}")
        layers = getattr(self, "num_hidden_layers", 0)
        if isinstance(layers, int) and layers > _MOST_LAYERS:
            raise ConfigurationError(f"num_hidden_layers={layers}: no model has more than {_MOST_LAYERS:,} layers")

    def validate(self) -> None:
        """Checks the values against each other; families say how."""

    def _require_positive(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a positive whole number, got {value!r}")

    def _require_divisible(self, width: str, parts: str) -> None:
        if getattr(self, width) % getattr(self, parts):
            raise ConfigurationError(
                f"{width}={getattr(self, width)} cannot be divided among {parts}={getattr(self, parts)}"
            )

    # -- names

    def __getattr__(self, name: str) -> Any:
        if name in type(self).aliases:
            return getattr(self, type(self).aliases[name])
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(type(self).aliases.get(name, name), value)

    @property
    def num_labels(self) -> int:
        """How many classes a head scores; setting it names them LABEL_0, LABEL_1, …"""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, count: int) -> None:
        if len(self.id2label) != count or not self.id2label:
            self.id2label = {index: f"LABEL_{index}" for index in range(count)}
            self.label2id = {label: index for index, label in self.id2label.items()}

    @property
    def use_return_dict(self) -> bool:
        return self.return_dict and not self.torchscript

    # -- reading

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        return_unused_kwargs: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Reads the configuration of a model.

        Args:
            pretrained_model_name_or_path: any way to name a model, see `pretrained.resolve`.
            return_unused_kwargs: return (configuration, keywords it has no key for) instead.
            **kwargs: hub options (`revision`, `cache_dir`, …); every other keyword overrides a key.

        Raises:
            ModelNotFoundError: nothing of that name is on this machine.
            ModelFileNotFoundError: the model has no configuration.
            ConfigurationError: the file is not a configuration, or contradicts itself.
        """
        options, overrides = split_options(kwargs)
        config, unused = cls._read(resolve(pretrained_model_name_or_path, part="config", **options), overrides)
        return (config, unused) if return_unused_kwargs else config

    @classmethod
    def from_files(cls, files: ModelFiles, **overrides: Any) -> Self:
        """The configuration among these files, with overrides for the keys it has; others are left out."""
        return cls._read(files, overrides)[0]

    @classmethod
    def _read(cls, files: ModelFiles, overrides: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        found = files.config()
        if found is None:
            files.require(CONFIG_NAME)  # raises, saying what is there instead
            raise AssertionError("unreachable")
        config, unused = cls.from_dict(found, return_unused_kwargs=True, **overrides)
        config.name_or_path = files.name
        return config, unused

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, return_unused_kwargs: bool = False, **overrides: Any) -> Any:
        """A configuration from the keys of a config.json, with overrides for the keys it has."""
        values = {key: value for key, value in values.items() if key not in ("name_or_path", "_name_or_path")}
        known = {field.name for field in dataclasses.fields(cls)} | set(cls.aliases) | {"num_labels"}  # type: ignore[arg-type]
        used = {key: value for key, value in overrides.items() if key in known or key in values}
        if "num_labels" in used and "id2label" not in used and len(values.get("id2label") or ()) != used["num_labels"]:
            values = {key: value for key, value in values.items() if key not in ("id2label", "label2id")}
        if "id2label" in used and "label2id" not in used:
            values.pop("label2id", None)
        canonical = {cls.aliases.get(key, key): value for key, value in values.items()}
        config = cls(**canonical | {cls.aliases.get(key, key): value for key, value in used.items()})
        unused = {key: value for key, value in overrides.items() if key not in used}
        return (config, unused) if return_unused_kwargs else config

    @classmethod
    def from_json_file(cls, path: str | os.PathLike[str]) -> Self:
        return cls._read(resolve(Path(path)), {})[0]

    # -- writing

    def to_dict(self) -> dict[str, Any]:
        """Every key, declared or kept, as JSON can hold it."""
        values = {key: copy.deepcopy(value) for key, value in self.__dict__.items() if key != "name_or_path"}
        return values | ({"model_type": self.model_type} if self.model_type else {})

    def to_diff_dict(self) -> dict[str, Any]:
        """The keys that differ from what the family would be built with anyway."""
        default = type(self)().to_dict()
        return {
            key: value
            for key, value in self.to_dict().items()
            if key == "model_type" or key not in default or value != default[key]
        }

    def to_json_string(self, use_diff: bool = True) -> str:
        values = self.to_diff_dict() if use_diff else self.to_dict()
        return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"

    def to_json_file(self, path: str | os.PathLike[str], use_diff: bool = True) -> None:
        write_text(Path(path), self.to_json_string(use_diff))

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Writes config.json into the folder, which is made if needed."""
        folder = Path(save_directory).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self.to_json_file(folder / CONFIG_NAME)

    # -- comparing and changing

    def update(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            setattr(self, key, value)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"


dataclasses.dataclass(kw_only=True, init=False, repr=False, eq=False)(PretrainedConfig)
