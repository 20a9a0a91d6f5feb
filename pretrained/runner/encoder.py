"""How do texts become vectors? Tokenized, sorted by length, run in packed batches, pooled, in input order."""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from functools import partial
from itertools import accumulate, chain, islice
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pretrained import auto, registry
from pretrained.errors import ConfigurationError
from pretrained.hub import resolve, split_options
from pretrained.hub.options import LOCATING
from pretrained.modeling import PreTrainedModel
from pretrained.nn.layout import Packed
from pretrained.nn.transfer import send
from pretrained.runner import batching, passes, sentence_files
from pretrained.runner.devices import find_device
from pretrained.runner.optimize import passes_for
from pretrained.runner.pooling import NONE, POOLINGS, pool
from pretrained.runner.progress import ProgressBar
from pretrained.runner.rows import position_limit
from pretrained.runner.threads import spread, torch_threads

Vectors = npt.NDArray[np.float32]
Found = TypeVar("Found", Vectors, list[Vectors])

# Numbers in the widest activation of a batch, some 6 MB. Measured on one core: with four times as many the C library
# gives their memory back and asks for it anew each time, with half as many the products are less efficient.
_WIDEST = 3 * 2**19
_ACCELERATOR_TOKENS = 16384
_ACCELERATOR_WINDOW = 16 * _ACCELERATOR_TOKENS  # nothing is computed before the first one is tokenized


class Encoder:
    """Many texts to vectors, fast.

    The network runs as a rewritten copy, on batches without padding; its results are those of the plain network
    up to rounding. Texts of more than `max_length` tokens are cut there. Pickled, or copied, an encoder of a model by
    name is made anew from that name.

    Args:
        name_or_model: any way to name a model, see `pretrained.resolve`; or a loaded model, which needs `tokenizer`
            and stays as it is.
        tokenizer: a tokenizer or the name of one; the model's own unless given.
        pooling: "mean", "cls" (the first token), "max", …; "none" keeps a vector for each token. Unless given,
            what the files of sentence-transformers say, else "mean".
        normalize: whether vectors are scaled to length 1. Unless given, what those files say, else not.
        layer: whose output: -1 the last layer, 0 the embeddings, 1 the first layer.
        max_length: tokens of a text, special ones included. Unless given, what those files say, else as many as
            the tokenizer and the model take.
        batch_tokens: how many tokens run together; unless given, by the size of the network.
        threads: how many work; unless given, as many as torch is set to.
        device: where the network runs: "cpu", "cuda", "cuda:1" or the number of a GPU.
        precision: of the products, see `pretrained.optimize`: "fp32", "bf16", "int8" or "auto".
        deterministic: a text's vector is the same to the last bit whatever stands beside it, in any order.
        progress: True: show a bar on stderr, False: do not, None: on a terminal, if the work takes long.
        **options: hub options (`revision`, `cache_dir`, …).

    Attributes:
        model: the rewritten copy, for inference only.
        dimension: numbers in a vector.

    Raises:
        ConfigurationError: a value that an option does not have, or that does not fit the model.
        TypeError: an option that does not exist.
    """

    _made_of: tuple[tuple[Any, ...], dict[str, Any]] | None

    def __new__(cls, *args: Any, **options: Any) -> "Encoder":
        encoder = super().__new__(cls)
        loaded = any(isinstance(each, nn.Module) for each in (*args, *options.values()))
        encoder._made_of = None if loaded else (args, options)  # a loaded model would stay in memory by it
        return encoder

    def __copy__(self) -> "Encoder":
        encoder = object.__new__(type(self))
        vars(encoder).update(vars(self))
        return encoder

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes its own, from the same name: packed weights cannot leave the one they are in."""
        if self._made_of is None:
            raise TypeError(
                "an Encoder of a loaded model cannot be pickled; make it of the name or folder of the model"
            )
        args, options = self._made_of
        return partial(type(self), *args, **options), ()

    def __init__(
        self,
        name_or_model: str | os.PathLike[str] | PreTrainedModel,
        *,
        tokenizer: Any = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        layer: int = -1,
        max_length: int | None = None,
        batch_tokens: int | None = None,
        threads: int | None = None,
        device: int | str | torch.device | None = "cpu",
        precision: str = "fp32",
        deterministic: bool = False,
        progress: bool | None = None,
        **options: Any,
    ) -> None:
        hub_options, unknown = split_options(options)
        if unknown or (hub_options and isinstance(name_or_model, nn.Module)):
            raise TypeError(
                f"Encoder has no option {', '.join(sorted(unknown or hub_options))}; it has tokenizer, pooling, "
                "normalize, layer, max_length, batch_tokens, threads, device, precision, deterministic, progress, and "
                f"for a model by name the hub options: {', '.join(LOCATING)}"
            )
        _check_at_least_one(max_length=max_length, batch_tokens=batch_tokens, threads=threads)
        self.device = find_device(device)
        self._on_cpu = self.device.type == "cpu"
        if isinstance(name_or_model, nn.Module):
            if tokenizer is None:
                raise ConfigurationError(
                    "a loaded model does not know its tokenizer; pass tokenizer=, an object or the name of the model"
                )
            model, said = name_or_model, sentence_files.SentenceFiles()
        else:
            said = sentence_files.read(resolve(name_or_model, **hub_options))
            model = auto.AutoModel.from_pretrained(name_or_model, **hub_options)
            tokenizer = name_or_model if tokenizer is None else tokenizer
        if isinstance(tokenizer, str | os.PathLike):
            tokenizer = auto.AutoTokenizer.from_pretrained(tokenizer, **hub_options)
        model = model.base_model

        self.tokenizer = tokenizer
        self.pooling = _checked_pooling(said.pooling if pooling is None else pooling)
        self.normalize = said.normalize if normalize is None else normalize
        self.layer = _checked_layer(layer, model.config.num_hidden_layers)
        self.max_length = _max_length(max_length, said.max_length, tokenizer, position_limit(model))
        self.threads = threads
        self.progress = progress
        self.precision = precision
        self.deterministic = deterministic
        self.model = passes.rewritten(model, passes_for(precision, self.device), device=self.device)
        if getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None  # type: ignore[assignment]  # what it makes of the first token is not asked for here
        self.batch_tokens = batch_tokens or _batch_tokens(self.model, self.device)
        self._runs_packed = registry.family(model.config.model_type).packed
        self._lower_case = said.lower_case
        self._prompt = said.prompt
        self._projections = [projection.to(self.device) for projection in said.projections]
        self._width: int = model.config.hidden_size
        self.dimension = len(self._projections[-1].weight) if self._projections else self._width
        # models take token type 0 where none are given; where a single text has others, they count (XLNet)
        named = "token_type_ids" in tokenizer.model_input_names
        self._has_token_types = named and any(tokenizer.create_token_type_ids_from_sequences([0]))

    def __repr__(self) -> str:
        return (
            f"Encoder({type(self.model).__name__}, pooling={self.pooling!r}, normalize={self.normalize}, "
            f"layer={self.layer}, max_length={self.max_length}, dimension={self.dimension})"
        )

    # -- what a caller asks for

    def encode(self, texts: str | Iterable[str]) -> Vectors:
        """One vector a text: (N, dimension), in the order of the texts; of a single str, (dimension,).

        Args:
            texts: a list or any other iterable, a generator too: only a bounded part of it is held at a time.

        Returns:
            float32. With pooling="none" an array of N objects, each (tokens, hidden).

        Raises:
            TokenizationError: one of the texts is not a str; says which.
        """
        if self.pooling == NONE:
            return cast(Vectors, self._encode_unpooled(texts))

        def zeros(count: int) -> Vectors:
            return np.zeros((count, self.dimension), np.float32)

        windows = [*self._windows(_as_list(texts), self._pooled, zeros)] or [zeros(0)]
        vectors = np.concatenate(windows) if len(windows) > 1 else windows[0]
        return cast(Vectors, vectors[0] if isinstance(texts, str) else vectors)

    def token_vectors(self, texts: str | Iterable[str]) -> list[Vectors]:
        """One vector a token, special tokens included: for each text (tokens, hidden), neither pooled nor normalised.

        `tokens` gives the tokens that they belong to.
        """

        def empty(count: int) -> list[Vectors]:
            return [np.empty((0, self._width), np.float32)] * count

        return list(chain.from_iterable(self._windows(_as_list(texts), self._per_text, empty)))

    def tokens(self, texts: str | Iterable[str]) -> list[list[str]]:
        """The tokens of each text as the network reads them, with special tokens, cut at `max_length`."""
        rows = self._tokenize(list(batching.checked(_as_list(texts))))
        return [self.tokenizer.convert_ids_to_tokens(row) for row in rows]

    # -- how it is done

    def _encode_unpooled(self, texts: str | Iterable[str]) -> Any:
        found = self.token_vectors(texts)
        vectors = np.empty(len(found), dtype=object)
        for index, each in enumerate(found):
            vectors[index] = each
        return vectors[0] if isinstance(texts, str) else vectors

    def _tokenize(self, texts: list[str]) -> batching.Rows:
        if self._lower_case:
            texts = [text.lower() for text in texts]
        if self._prompt:
            texts = [self._prompt + text for text in texts]
        return cast(batching.Rows, self.tokenizer.encode_ragged(texts, max_length=self.max_length))

    def _windows(
        self, texts: Iterable[str], finish: Callable[[Tensor, Packed], Iterable[Vectors]], start: Callable[[int], Found]
    ) -> Iterator[Found]:
        """What `finish` makes of each text, in the order of the texts, one window of texts after the other.

        Args:
            start: (number of texts) → where it is written. A text without any token, which there is where no special
                tokens are added, keeps what stands there.
        """
        total = len(texts) if isinstance(texts, Sized) else None
        size = batching.WINDOW_TOKENS if self._on_cpu else _ACCELERATOR_WINDOW
        with torch_threads(self.threads) as threads, ProgressBar(total, self.progress) as bar:
            windows = batching.windows(batching.checked(texts), self._tokenize, tokens=size)
            # an accelerator works on one batch while the next is made; two threads in one product may add up in
            # another order than one
            workers, alone = (threads, self.deterministic) if self._on_cpu else (2, True)
            coming = deque(islice(windows, 1))
            while coming:
                rows = coming.popleft()
                places = batching.batches([len(row) for row in rows], self.batch_tokens, workers=workers)
                batches = [[rows[place] for place in batch] for batch in places]
                found = start(len(rows))
                # where the cores have nothing to do meanwhile, they tokenize what comes
                read_on = partial(coming.extend, islice(windows, 1))
                meanwhile = None if self._on_cpu else read_on
                done = spread(partial(self._run, finish), batches, workers, alone=alone, meanwhile=meanwhile)
                for batch, vectors in zip(places, done, strict=True):
                    for place, vector in zip(batch, vectors, strict=True):
                        found[place] = (
                            vector  # in an array a copy: a batch that stayed would split the next one's memory
                        )
                    bar.advance(len(batch))
                yield found
                if self._on_cpu:
                    read_on()

    @torch.inference_mode()
    def _run(self, finish: Callable[[Tensor, Packed], Iterable[Vectors]], rows: batching.Rows) -> Iterable[Vectors]:
        """One batch through the network."""
        lengths = [len(row) for row in rows]
        tokens = sum(lengths)
        fills = self._runs_packed and self._on_cpu
        layout = Packed(lengths, filler=batching.size(tokens) - tokens if fills else 0)
        filler = [0] * layout.filler
        inputs = {"input_ids": send([*chain.from_iterable(rows), *filler], self.device)}
        if self._has_token_types:
            types = chain.from_iterable(self._token_types(length) for length in lengths)
            inputs["token_type_ids"] = send([*types, *filler], self.device)
        if self._runs_packed:
            return finish(self._layer_output(**inputs, layout=layout), layout)
        # otherwise rows of equal length, which need no padding either
        hidden = [
            self._layer_output(**{name: run.rows(tensor) for name, tensor in inputs.items()}).flatten(0, 1)
            for run in layout.runs
        ]
        return finish(torch.cat(hidden), layout)

    def _layer_output(self, **inputs: Any) -> Tensor:
        if self.layer == -1:
            return cast(Tensor, self.model(**inputs, return_dict=True).last_hidden_state)
        output = self.model(**inputs, return_dict=True, output_hidden_states=True)
        return cast(Tensor, output.hidden_states[self.layer])

    def _token_types(self, length: int) -> list[int]:
        """Of a text of this length, special tokens included."""
        text = [0] * (length - self.tokenizer.num_special_tokens_to_add(pair=False))
        return cast(list[int], self.tokenizer.create_token_type_ids_from_sequences(text))

    def _pooled(self, hidden: Tensor, layout: Packed) -> Vectors:
        vectors = pool(hidden.float(), layout, self.pooling)
        for projection in self._projections:
            vectors = projection(vectors)
        return _to_numpy(F.normalize(vectors, dim=-1) if self.normalize else vectors)

    def _per_text(self, hidden: Tensor, layout: Packed) -> list[Vectors]:
        *ends, stop = accumulate(layout.lengths)
        return [part.copy() for part in np.split(_to_numpy(hidden)[:stop], ends)]


def _as_list(texts: str | Iterable[str]) -> Iterable[str]:
    return [texts] if isinstance(texts, str) else texts


def _to_numpy(vectors: Tensor) -> Vectors:
    return cast(Vectors, vectors.float().cpu().numpy())


# -- options


def _check_at_least_one(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise ConfigurationError(f"{name} must be a positive number, got {value!r}")


def _checked_pooling(pooling: str) -> str:
    allowed: Collection[str] = (*POOLINGS, NONE)
    if pooling not in allowed:
        raise ConfigurationError(f"pooling={pooling!r} is not known; choose one of: {', '.join(allowed)}")
    return pooling


def _checked_layer(layer: int, layers: int) -> int:
    if not -(layers + 1) <= layer <= layers:
        raise ConfigurationError(
            f"layer={layer} is not there; the model has the outputs 0 (embeddings) to {layers} (last layer), "
            f"or counted from the end -1 to {-(layers + 1)}"
        )
    return -1 if layer == layers else layer


def _max_length(asked: int | None, said: int | None, tokenizer: Any, limit: int | None) -> int | None:
    if asked is None:
        known = [length for length in (said, limit) if length is not None]
        shortest = min([*known, tokenizer.model_max_length])
        return None if shortest > 10**20 else shortest  # a tokenizer that knows no length says a huge one
    if limit is not None and asked > limit:
        raise ConfigurationError(f"max_length={asked}, and the model has positions for {limit} tokens only")
    special = tokenizer.num_special_tokens_to_add(pair=False)
    if asked <= special:
        raise ConfigurationError(f"max_length={asked} leaves no room for text beside {special} special tokens")
    return asked


def _batch_tokens(model: nn.Module, device: torch.device) -> int:
    if device.type != "cpu":
        return _ACCELERATOR_TOKENS
    widest = max(getattr(module, "out_features", 1) for module in model.modules())
    return max(256, _WIDEST // int(widest))
