"""Which class fits these files? The Auto classes choose, and say why; `choice` has the evidence."""

import logging
import os
from typing import Any, ClassVar

from pretrained import registry
from pretrained.choice import Choice, choose_family, choose_tokenizer
from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError
from pretrained.family import Family
from pretrained.hub import resolve, split_options

logger = logging.getLogger("pretrained")


def _read_config(
    name: str | os.PathLike[str], kwargs: dict[str, Any]
) -> tuple[Choice, Any, dict[str, Any], dict[str, Any]]:
    """(family and reason, configuration, hub options, keywords that are neither an option nor a key)."""
    options, overrides = split_options(kwargs)
    files = resolve(name, part="config", **options)
    found = choose_family(files)
    files.note(f"the family is {found.family.model_type}: {found.reason}")
    logger.debug("%s: family %s, because %s", files.name, found.family.model_type, found.reason)
    config_class = registry.load(found.family, found.family.config)
    if files.config() is None:
        files.require("config.json")
    config, unused = config_class._read(files, overrides)  # type: ignore[attr-defined]
    return found, config, options, unused


class AutoConfig:
    """The configuration class that fits a model."""

    def __init__(self) -> None:
        raise TypeError(
            "AutoConfig chooses a class: use AutoConfig.from_pretrained(name) or AutoConfig.for_model(model_type)"
        )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        return_unused_kwargs: bool = False,
        **kwargs: Any,
    ) -> Any:
        """As `PretrainedConfig.from_pretrained`, for any family."""
        _, config, _, unused = _read_config(pretrained_model_name_or_path, kwargs)
        return (config, unused) if return_unused_kwargs else config

    @classmethod
    def for_model(cls, model_type: str, **values: Any) -> PretrainedConfig:
        """A new configuration of a family, such as `for_model("bert", hidden_size=384)`."""
        found = registry.family(model_type)
        config: PretrainedConfig = registry.load(found, found.config)(**values)
        return config


class AutoTokenizer:
    """The tokenizer class that fits a model; works with a vocabulary alone, where that is enough to tell."""

    def __init__(self) -> None:
        raise TypeError("AutoTokenizer chooses a class: use AutoTokenizer.from_pretrained(name)")

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *inputs: Any,
        use_fast: bool = True,
        **kwargs: Any,
    ) -> Any:
        """As `PreTrainedTokenizer.from_pretrained`, for any family.

        Args:
            use_fast: accepted for old code; there is one tokenizer a family, and it is the fast one.
        """
        options, _ = split_options(kwargs)
        config = kwargs.pop("config", None)
        files = resolve(pretrained_model_name_or_path, part="tokenizer", **options)
        tokenizer_class: Any = choose_tokenizer(files, None if config is None else config.to_dict())
        logger.debug("%s: %s", files.name, files.notes[-1])
        return tokenizer_class.from_pretrained(pretrained_model_name_or_path, *inputs, **kwargs)


class _AutoModel:
    """The model class for one task that fits a model."""

    task: ClassVar[str]

    def __init__(self) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} chooses a class: use {name}.from_pretrained(name) or {name}.from_config(config)")

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *model_args: Any,
        config: PretrainedConfig | str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `PreTrainedModel.from_pretrained`, for any family that has this task."""
        if not isinstance(config, PretrainedConfig):
            source = pretrained_model_name_or_path if config is None else config
            found, config, options, rest = _read_config(source, kwargs)
            kwargs = options | rest
        else:
            found = Choice(registry.family(config.model_type), f"config= is a {type(config).__name__}")
        model_class = cls._class_for(found.family)
        loaded = model_class.from_pretrained(pretrained_model_name_or_path, *model_args, config=config, **kwargs)  # type: ignore[attr-defined]
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.load_report.notes.append(f"{model_class.__name__} was chosen: {found.reason}")
        return loaded

    @classmethod
    def from_config(cls, config: PretrainedConfig) -> Any:
        """A new model with random weights."""
        return cls._class_for(registry.family(config.model_type))(config)

    @classmethod
    def class_of(cls, config: PretrainedConfig) -> Any:
        """The class that a checkpoint was saved as, if it is one for this task; else the one that is chosen here.

        XLNet, XLM and FlauBERT answer questions by either of two heads; here the simple one is chosen, as published.
        """
        found = registry.family(config.model_type)
        names = found.public_names()
        saved = [name for name in config.architectures or () if name in names and name.endswith(cls.task)]
        return registry.load(found, names[saved[0]]) if saved else cls._class_for(found)

    @classmethod
    def _class_for(cls, found: Family) -> type:
        if cls.task not in found.models:
            able = [name for name, other in registry.families().items() if cls.task in other.models]
            classes = [task if task == "Model" else f"Model{task}" for task in found.models]
            raise ConfigurationError(
                f"{found.model_type} has no class for {cls.__name__}; it has Auto{', Auto'.join(classes)}. "
                f"Families with {cls.__name__}: {', '.join(sorted(able)) or 'none in this version'}"
            )
        return registry.load(found, found.models[cls.task])


class AutoModel(_AutoModel):
    task = "Model"


class AutoModelForPreTraining(_AutoModel):
    task = "ForPreTraining"


class AutoModelForCausalLM(_AutoModel):
    task = "ForCausalLM"


class AutoModelForMaskedLM(_AutoModel):
    task = "ForMaskedLM"


class AutoModelForNextSentencePrediction(_AutoModel):
    task = "ForNextSentencePrediction"


class AutoModelForSequenceClassification(_AutoModel):
    task = "ForSequenceClassification"


class AutoModelForMultipleChoice(_AutoModel):
    task = "ForMultipleChoice"


class AutoModelForTokenClassification(_AutoModel):
    task = "ForTokenClassification"


class AutoModelForQuestionAnswering(_AutoModel):
    task = "ForQuestionAnswering"


class AutoModelWithLMHead(_AutoModel):
    """The language model of a family, masked or causal; the 2.x name."""

    task = "WithLMHead"

    @classmethod
    def _class_for(cls, found: Family) -> type:
        for task in ("WithLMHead", "ForMaskedLM", "ForCausalLM"):
            if task in found.models:
                return registry.load(found, found.models[task])
        return super()._class_for(found)
