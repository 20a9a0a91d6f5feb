"""What can every network do? Load, save, initialise, tie, resize, prune: the one base class of all models."""

import inspect
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames, from_state_dict, open_checkpoint, published
from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError, InputError
from pretrained.generation import causal_inputs, generate, stream
from pretrained.hub import ModelFiles, resolve, split_options
from pretrained.loading import LoadReport, Unfilled, floating_type, load, rename_historical
from pretrained.nn.outputs import BaseModelOutput, HeadOutput, ModelOutput
from pretrained.resizing import extended, put, resize_scores
from pretrained.saving import save
from pretrained.signatures import head_forward

logger = logging.getLogger("pretrained")

WEIGHTS_NAME = "pytorch_model.bin"
"""For scripts that write a state dict by themselves; `save_pretrained` writes safetensors unless asked otherwise."""

# Keywords of earlier releases that have no meaning left: every format is found by itself, memory is always spared.
_ACCEPTED = ("low_cpu_mem_usage", "trust_remote_code", "_fast_init")
# Those that say which weights to read, where a folder has several.
_WEIGHTS = {
    ("from_tf", True): "tf_model.h5",
    ("from_flax", True): "flax_model.msgpack",
    ("use_safetensors", True): "model.safetensors",
    ("use_safetensors", False): WEIGHTS_NAME,
}
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class PreTrainedModel(nn.Module):
    """A network whose modules are named like the tensors of its published checkpoints.

    Subclasses set the class attributes below, build their modules in `__init__` and end it with
    `self.post_init()`. Constructors compute no tensors, so a model can be built on the meta device.
    """

    config_class: ClassVar[type[PretrainedConfig]]
    base_model_prefix: ClassVar[str] = ""
    """Name of the bare network inside a model with a head; part of the published tensor names."""
    tied_weights: ClassVar[Mapping[str, str]] = {}
    """Parameter → the parameter it is the same as. Embedding ties hold if `config.tie_word_embeddings`."""
    renames: ClassVar[Sequence[Rename]] = ()
    """Names that checkpoints of other frameworks or years use for this family's tensors."""
    flax_classes: ClassVar[Collection[str]] = ()
    """Names of the family's classes that Flax had as well: only those can be written for it."""
    tensorflow: ClassVar[TensorFlowNames | None] = None
    """How TensorFlow's class of the same name calls the tensors; None where there is no such class."""
    optional_keys: ClassVar[Sequence[str]] = ()
    """Patterns of tensors whose absence or presence means nothing, such as the pooler below a head."""
    input_layer: ClassVar[str | None] = None
    """Name of the layer in the bare network that embeds the tokens; part of the published tensor names."""
    output_layer: ClassVar[str | None] = None
    """Name of the layer that scores the vocabulary, if there is one; part of the published tensor names."""
    network_class: ClassVar[type["PreTrainedModel"]]
    """The bare network below a head."""
    _by_position: ClassVar[Sequence[str]]

    config: PretrainedConfig
    load_report: LoadReport | None = None

    def __init_subclass__(cls, base: type["PreTrainedModel"] | None = None) -> None:
        """`base` is the bare network below a head."""
        if base is None:
            return
        cls.forward, cls._by_position = head_forward(cls.forward, base.forward, cls.__qualname__)
        cls.network_class = base

    def __init__(self, config: PretrainedConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if not isinstance(config, PretrainedConfig):
            raise TypeError(
                f"{type(self).__name__} is built from a configuration, got {type(config).__name__}; "
                f"to load a published model: {type(self).__name__}.from_pretrained(name)"
            )
        if args or kwargs:
            raise TypeError(f"{type(self).__name__}() takes only a configuration, got also {[*args, *kwargs]}")
        self.config = config
        self.register_load_state_dict_pre_hook(rename_historical)  # type: ignore[no-untyped-call]

    def post_init(self) -> None:
        """Initialises, ties and prunes a newly built model; the last call of every constructor."""
        if not any(parameter.is_meta for parameter in self.parameters()):
            self.init_weights()
        self.tie_weights()

    # -- loading and saving

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        *model_args: Any,
        config: PretrainedConfig | str | os.PathLike[str] | None = None,
        state_dict: Mapping[str, Tensor] | None = None,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        device: torch.device | str | None = None,
        strict: bool = False,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loads a published or saved model, in evaluation mode.

        Args:
            pretrained_model_name_or_path: any way to name a model, see `pretrained.resolve`; None needs `config`
                and `state_dict`.
            config: used instead of the model's own; a configuration or a name of one.
            state_dict: used instead of the weights file.
            dtype: of the floating weights: a `torch.dtype`, its name, or "auto" for as they were saved.
                Unless given, float32. `torch_dtype` is its earlier name.
            device: where the weights go.
            strict: raise if any tensor is missing or left over.
            ignore_mismatched_sizes: initialise tensors whose shape does not fit, instead of raising.
            output_loading_info: return (model, {"missing_keys", "unexpected_keys", …}) instead.
            *model_args: what the class takes after the configuration.
            **kwargs: hub options (`revision`, `cache_dir`, …); keys of the configuration, which they override; other
                arguments of the class.

        Returns:
            The model; what loading did is in its `load_report`.

        Raises:
            ModelNotFoundError, ModelFileNotFoundError: there is no such model here, or it lacks a file.
            CorruptFileError, UnsafeFileError, UnsupportedFormatError: a file cannot be read, and why.
            CheckpointError: the tensors do not fit the model.
            TypeError: a keyword that is none of these.
        """
        chosen = {name: kwargs.pop(name) for name in {option for option, _ in _WEIGHTS} & kwargs.keys()}
        options, overrides = split_options({key: value for key, value in kwargs.items() if key not in _ACCEPTED})
        files = None
        if pretrained_model_name_or_path is None:
            if not isinstance(config, PretrainedConfig) or state_dict is None:
                raise ConfigurationError("without a name, from_pretrained needs both config= and state_dict=")
        else:
            files = resolve(pretrained_model_name_or_path, **options)
        if not isinstance(config, PretrainedConfig):
            config_files = files if config is None else resolve(config, part="config", **options)
            assert config_files is not None
            config, overrides = cls.config_class._read(config_files, overrides)
        if unknown := sorted(overrides.keys() - _keywords(cls.__init__)):
            raise TypeError(
                f"{cls.__name__}.from_pretrained got {unknown}, which are neither hub options nor keys of "
                f"{type(config).__name__} nor arguments of {cls.__name__}()"
            )
        if state_dict is not None:
            weights = from_state_dict(state_dict)
        else:
            assert files is not None
            weights = open_checkpoint(_asked_for(files, chosen).weights())
        with torch.device("meta"), Unfilled():
            model = cls(config, *model_args, **overrides)
        report = load(
            model,
            published(weights, cls.renames),
            base_prefix=cls.base_model_prefix,
            tied=model._ties(),
            dtype=_wanted(torch_dtype if dtype is None else dtype),
            device=device,
            strict=strict,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            keys_to_ignore=cls.optional_keys,
            init=model.init_weights,
        )
        model.load_report = report
        if (warning := report.warning(cls.__name__)) is not None:
            logger.warning(warning)
        model.eval()
        return (model, report.as_loading_info()) if output_loading_info else model

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        format: str = "safetensors",
        shard_size: int | str | None = None,
        max_shard_size: int | str | None = None,
        dtype: torch.dtype | str | None = None,
        state_dict: Mapping[str, Tensor] | None = None,
        safe_serialization: bool = True,
        is_main_process: bool = True,
        push_to_hub: bool = False,
    ) -> None:
        """Writes config.json and the weights.

        Args:
            save_directory: a folder, which is made if needed.
            format: "safetensors", "pytorch" (pytorch_model.bin), "tf" (tf_model.h5) or "flax" (flax_model.msgpack).
            shard_size: above it the weights are spread over several files with an index: bytes, or text such as
                "2GB". `max_shard_size` is its earlier name.
            dtype: what floating tensors are written as; unless given, or by "auto", as they are.
            state_dict: written in place of the model's own tensors.
            safe_serialization: False means `format="pytorch"`, as in Transformers.
            is_main_process: False writes nothing, for all but one of several processes.
            push_to_hub: is refused; nothing is uploaded.

        Raises:
            UnsupportedFormatError: the format is not written, or its framework never had this class.
        """
        if push_to_hub:
            raise ConfigurationError("save_pretrained uploads nothing; save to a folder, then: hf upload NAME FOLDER")
        if not is_main_process:
            return
        folder = Path(save_directory).expanduser()
        if folder.is_file():
            raise NotADirectoryError(f"{folder} is a file; save_pretrained needs a folder")
        save(
            self,
            self.config,
            folder,
            ties=self._ties(),
            format=format if safe_serialization else "pytorch",
            shard_size=max_shard_size if shard_size is None else shard_size,
            dtype=None if dtype is None or dtype == "auto" else floating_type(dtype),
            state_dict=state_dict,
        )

    # -- initialising and tying

    def init_weights(self, names: Iterable[str] | None = None) -> None:
        """Fills parameters as the paper did before training: all, or only those of these names."""
        wanted = None if names is None else set(names)
        for prefix, module in self.named_modules():
            own = dict(module.named_parameters(prefix, recurse=False))
            if wanted is None:
                self._init_weights(module)
            elif own.keys() & wanted:
                kept = {name: parameter.detach().clone() for name, parameter in own.items() if name not in wanted}
                self._init_weights(module)
                with torch.no_grad():
                    for name, values in kept.items():
                        own[name].copy_(values)

    def _init_weights(self, module: nn.Module) -> None:
        """Fills the parameters that `module` holds itself."""
        raise TypeError(f"{type(self).__name__} does not say how its weights are initialised")

    def _ties(self) -> dict[str, str]:
        """The ties that hold for this configuration."""
        embedding = self._name_of(self.get_input_embeddings().weight)
        return {
            target: source
            for target, source in self.tied_weights.items()
            if self.config.tie_word_embeddings or source != embedding
        }

    def _name_of(self, parameter: Tensor) -> str | None:
        return next((name for name, own in self.named_parameters() if own is parameter), None)

    def tie_weights(self) -> None:
        """Makes tied parameters one object."""
        for target, source in self._ties().items():
            put(self, target, self.get_parameter(source))

    # -- the bare network below a head

    @property
    def base_model(self) -> "PreTrainedModel":
        """The bare network: itself, or the part below the head."""
        return cast(PreTrainedModel, getattr(self, self.base_model_prefix, self))

    def _add_network(self, **options: Any) -> None:
        """Puts the bare network below a head, under its published name."""
        setattr(self, self.base_model_prefix, self.network_class(self.config, **options))

    def _named(self, inputs: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """What a head passes on to the bare network, by name."""
        names = self._by_position
        named = dict(zip(names, inputs, strict=False))
        if len(inputs) > len(names):
            raise TypeError(f"{type(self).__name__} takes {len(names)} inputs by position, got {len(inputs)}")
        if twice := named.keys() & options:
            raise TypeError(f"{type(self).__name__} got {sorted(twice)} twice, by position and by name")
        return {**named, **options}

    # -- embeddings

    def get_input_embeddings(self) -> nn.Embedding:
        if self.base_model is not self:
            return self.base_model.get_input_embeddings()
        if self.input_layer is None:
            raise NotImplementedError(f"{type(self).__name__} does not say which module embeds its tokens")
        return cast(nn.Embedding, self.get_submodule(self.input_layer))

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        if self.base_model is not self:
            self.base_model.set_input_embeddings(value)
        elif self.input_layer is None:
            raise NotImplementedError(f"{type(self).__name__} does not say which module embeds its tokens")
        else:
            put(self, self.input_layer, value)

    def get_output_embeddings(self) -> nn.Linear | None:
        """The layer that scores the vocabulary, if there is one."""
        return None if self.output_layer is None else cast(nn.Linear, self.get_submodule(self.output_layer))

    def set_output_embeddings(self, value: nn.Linear) -> None:
        if self.output_layer is None:
            raise ConfigurationError(f"{type(self).__name__} has no layer that scores the vocabulary")
        put(self, self.output_layer, value)

    def resize_token_embeddings(self, new_num_tokens: int | None = None) -> nn.Embedding:
        """Cuts or extends the vocabulary; new rows are initialised, old ones kept, tied and scoring layers follow.

        Args:
            new_num_tokens: rows afterwards, usually `len(tokenizer)`; None changes nothing.

        Returns:
            The input embedding.
        """
        old = self.get_input_embeddings()
        if new_num_tokens is None or new_num_tokens == old.num_embeddings:
            return old
        if new_num_tokens < 1:
            raise InputError(f"a vocabulary needs at least one token, resize_token_embeddings got {new_num_tokens}")
        new = extended(old, new_num_tokens, self._init_weights)
        self.set_input_embeddings(new)
        output = self.get_output_embeddings()
        if output is not None:
            resize_scores(self, output, new_num_tokens, std=getattr(self.config, "initializer_range", 0.02))
        for model in {self, self.base_model}:
            model.config.update({"vocab_size": new_num_tokens})
        self.tie_weights()
        return new

    # -- pruning

    def prune_heads(self, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
        """Removes attention heads for good: {layer: [heads]}, counted as in the unpruned model.

        They are recorded in `config.pruned_heads`, so a saved model comes back pruned.
        (Michel et al., Are Sixteen Heads Really Better than One?, arXiv 1905.10650)
        """
        for layer, heads in heads_to_prune.items():
            self.config.pruned_heads[int(layer)] = sorted({*self.config.pruned_heads.get(int(layer), ()), *heads})
        self.base_model._prune_heads({int(layer): list(heads) for layer, heads in heads_to_prune.items()})

    def _prune_heads(self, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
        attentions = list(self._attentions())
        for layer, heads in heads_to_prune.items():
            if not 0 <= layer < len(attentions):
                raise InputError(f"layer {layer} cannot be pruned; this model has layers 0 to {len(attentions) - 1}")
            attentions[layer].prune_heads(set(heads))

    def _attentions(self) -> Iterable[Any]:
        """The modules of a bare network that can prune their heads, by layer."""
        raise ConfigurationError(f"heads of {type(self).__name__} cannot be pruned")

    # -- training

    def gradient_checkpointing_enable(self, enable: bool = True) -> None:
        """Trades time for memory: the layers' activations are computed again in the backward pass."""
        for module in self.modules():
            if hasattr(module, "gradient_checkpointing"):
                setattr(module, "gradient_checkpointing", enable)  # noqa: B010 - modules refuse plain flags to type checkers

    def gradient_checkpointing_disable(self) -> None:
        self.gradient_checkpointing_enable(False)

    # -- generation

    def generate(
        self,
        input_ids: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Any:
        """Continues prompts, token by token.

        Args:
            input_ids: (B, S) the prompts, of unequal length if padded on the left; `bos_token_id` unless given.
            attention_mask: (B, S) 0 for padding; seen from `pad_token_id` unless given.
            generator: source of chance, for results that can be repeated; torch's own unless given.
            **options: of `pretrained.generation.GenerationOptions`, as the configuration says unless given;
                `generation_config`, several of them in a dict or in an object with `to_dict()`; and further inputs of
                the network, such as `encoder_hidden_states`.

        Returns:
            (B · num_return_sequences, S) the prompts and what follows, filled up behind the end of a text;
            with `return_dict_in_generate` a `GenerationOutput`, which has them as `sequences`.

        Raises:
            InputError: options or prompts that make no sense.
            TypeError: a keyword that is neither an option nor an input.
        """
        return generate(self, input_ids, attention_mask=attention_mask, generator=generator, **options)

    def stream(self, input_ids: Tensor | None = None, **options: Any) -> Iterator[Tensor]:
        """As `generate`, but without beam search; yields the new tokens, (B · num_return_sequences,), as they come."""
        return stream(self, input_ids, **options)

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        """The inputs of the next step, see `pretrained.generation.network.Network`."""
        if self.get_output_embeddings() is None or not self.config.is_decoder:
            raise ConfigurationError(
                f"{type(self).__name__} does not predict the next token, so it cannot generate; use a class with a "
                "causal language model's head, such as GPT2LMHeadModel, or BertLMHeadModel with is_decoder=True"
            )
        return causal_inputs(input_ids, past, **options)

    def _reorder_cache(self, past: Any, beam_idx: Tensor) -> Any:
        """What the last step left, with other rows, see `pretrained.generation.network.Network`."""
        return past.reorder(beam_idx)

    # -- options and results of a forward pass

    def _options(self, output_attentions: bool | None, output_hidden_states: bool | None) -> tuple[bool, bool]:
        """What the call asks for, else what the configuration does."""
        config = self.config
        return (
            config.output_attentions if output_attentions is None else output_attentions,
            config.output_hidden_states if output_hidden_states is None else output_hidden_states,
        )

    def _returned(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """The output, or a plain tuple of its items where `return_dict=False` asks for one."""
        wanted = self.config.use_return_dict if return_dict is None else return_dict
        return output if wanted else output.to_tuple()

    def _head_output(self, out: BaseModelOutput, return_dict: bool | None, **scores: Any) -> Any:
        """The scores of a head, with what the network below it returned besides its last states."""
        kept: dict[str, Any] = {
            name: out.get(name) for name in ("past_key_values", "hidden_states", "attentions", "cross_attentions")
        }
        return self._returned(HeadOutput(**scores, **kept), return_dict)

    # -- facts

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(parameter.dtype for parameter in self.parameters() if parameter.is_floating_point())

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """Inputs that any language model takes."""
        return {"input_ids": torch.tensor([[7, 6, 0, 0, 1], [1, 2, 3, 0, 0], [0, 0, 0, 4, 5]], device=self.device)}

    def num_parameters(self, only_trainable: bool = False) -> int:
        """How many numbers the parameters hold; tied ones count once."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not only_trainable)


def _wanted(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """None stands for "as saved" below this line."""
    if dtype is None:
        return torch.float32
    return None if dtype == "auto" else floating_type(dtype)


def _asked_for(files: ModelFiles, chosen: Mapping[str, bool | None]) -> ModelFiles:
    """The model, read from the weights that `use_safetensors`, `from_tf` or `from_flax` name, if they are there."""
    for option, file in _WEIGHTS.items():
        if option not in chosen.items() or files.kind not in ("folder", "cache"):
            continue
        for name in (file, f"{file}.index.json"):
            if (path := files.get(name)) is not None:
                return resolve(path)
    return files


def _keywords(function: Callable[..., Any]) -> set[str]:
    """What a function may be given by name."""
    return {name for name, each in inspect.signature(function).parameters.items() if each.kind in _BY_NAME}
