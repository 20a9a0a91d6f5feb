"""How does XLNet turn tokens into vectors? The bare network; its heads stand in heads_xlnet.py.

Module names are the tensor names of the published checkpoints.

Shapes: B batch, S sequence, M memory, K = M + S keys, H hidden, N heads, T targets. Memories are (M, B, H), with
the sequence first, as published; inside, the batch comes first.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pretrained.checkpoints import TensorFlowNames
from pretrained.errors import InputError
from pretrained.modeling import PreTrainedModel
from pretrained.models.xlnet.attention_xlnet import Surroundings, XLNetLayer, XLNetRelativeAttention
from pretrained.models.xlnet.config_xlnet import XLNetConfig
from pretrained.models.xlnet.names_xlnet import TENSORFLOW_1
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_rows, out_of_range
from pretrained.nn.layout import layer_head_masks
from pretrained.nn.outputs import ModelOutput
from pretrained.nn.relative import read_memories, sinusoids


class XLNetModelOutput(ModelOutput):
    """The bare network."""

    last_hidden_state: Tensor  # (B, S, H); with targets (B, T, H)
    mems: tuple[Tensor, ...] | None  # one (M, B, H) per layer
    hidden_states: tuple[Tensor, ...] | None  # embeddings, then each layer; with targets content, query, content, …
    attentions: tuple[Any, ...] | None  # one (B, N, S, K) per layer; with targets pairs of them


class XLNetHeadOutput(ModelOutput):
    """A network with a head. Which of the scores is there depends on the head."""

    loss: Tensor | None  # ()
    logits: Tensor | None
    start_logits: Tensor | None  # (B, S)
    end_logits: Tensor | None  # (B, S)
    mems: tuple[Tensor, ...] | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Any, ...] | None


class XLNetPreTrainedModel(PreTrainedModel):
    """What XLNet's network and all its heads share."""

    config_class = XLNetConfig
    base_model_prefix = "transformer"
    tensorflow: ClassVar[TensorFlowNames | None] = TensorFlowNames(shared=("lm_loss", "transformer/word_embedding"))
    renames = TENSORFLOW_1
    config: XLNetConfig

    def _init_weights(self, module: nn.Module) -> None:
        init_normal(module, self.config.initializer_range)
        if isinstance(module, XLNetRelativeAttention | XLNetModel):
            for parameter in module.parameters(recurse=False):
                nn.init.normal_(parameter, std=self.config.initializer_range)

    def _head_output(self, out: Any, return_dict: bool | None, **scores: Any) -> Any:
        output = XLNetHeadOutput(**scores, mems=out.mems, hidden_states=out.hidden_states, attentions=out.attentions)
        return self._returned(output, return_dict)


class XLNetModel(XLNetPreTrainedModel):
    """The bare network (Yang et al., arXiv 1906.08237)."""

    input_layer = "word_embedding"

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.word_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.mask_emb = nn.Parameter(torch.empty(1, 1, config.d_model))  # where the query stream begins
        self.layer = nn.ModuleList(XLNetLayer(config) for _ in range(config.n_layer))
        self.dropout = Dropout(config.dropout)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        mems: Sequence[Tensor | None] | None = None,
        perm_mask: Tensor | None = None,
        target_mapping: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        input_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_mems: bool | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers.
            attention_mask: (B, S), 1 for tokens to look at, 0 for padding, on either side; or (B, M + S), for what is
                remembered too. Memory without a mask may be looked at.
            mems: what an earlier call returned: one (M, B, H) per layer. `input_ids` are the tokens after it.
            perm_mask: (B, S, S), 1 where token i may not look at token j. The content of a token always sees itself.
            target_mapping: (B, T, S), 1 where target t is token s. With it the network predicts these tokens
                without looking at them, and returns their vectors only.
            token_type_ids: (B, S) numbers of segments; only equal or different matters. Memory counts as segment 0.
            input_mask: (B, S), 1 for padding; the opposite of `attention_mask`, and either one may be given.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            use_mems: whether to return memories. Unless given: as `config.use_cache` says, in training not.
                `use_cache` is its other published name.

        Returns:
            XLNetModelOutput: (last_hidden_state (B, S or T, H), mems, …).

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        check_rows(given)
        batch, length = given.shape
        if attention_mask is not None and input_mask is not None:
            raise InputError("pass either attention_mask (1 for tokens) or input_mask (1 for padding), and not both")
        memories = read_memories(mems, layers=len(self.layer), batch=batch, width=config.d_model)
        past = 0 if not memories or memories[0] is None else memories[0].shape[1]
        covers_memory = attention_mask is not None and attention_mask.shape[1:] == (past + length,)
        for name, value, shape in (
            ("attention_mask", attention_mask, (batch, past + length if covers_memory else length)),
            ("input_mask", input_mask, (batch, length)),
            ("token_type_ids", token_type_ids, (batch, length)),
            ("perm_mask", perm_mask, (batch, length, length)),
            ("target_mapping", target_mapping, (batch, None, length)),
        ):
            _check_shape(name, value, shape)
        if config.bi_data and batch % 2:
            raise InputError(f"bi_data=True reads one half of a batch backwards; a batch of {batch} has no half")
        if use_mems is None:
            use_mems = use_cache
        if use_mems is None:
            use_mems = bool(getattr(config, "use_mems_train", False)) if self.training else config.use_cache

        if inputs_embeds is None:
            try:
                inputs_embeds = self.word_embedding(input_ids)
            except IndexError:
                raise out_of_range(input_ids=(input_ids, config.vocab_size)) from None
        content = self.dropout(inputs_embeds)
        query = None
        if target_mapping is not None:
            target_mapping = target_mapping.to(content.dtype)
            query = self.dropout(self.mask_emb.expand(batch, target_mapping.shape[1], -1))
        padding = attention_mask == 0 if attention_mask is not None else input_mask
        hidden = self._hidden(length, past, padding, perm_mask, given.device)
        around = Surroundings(
            distances=self.dropout(self._distances(batch, length, past + length, content)),
            other_segment=_other_segment(token_type_ids, past),
            hidden_from_content=None if hidden is None else hidden & ~_oneself(length, past, given.device),
            hidden_from_query=hidden,
            target_mapping=target_mapping,
        )

        states: list[Tensor] = []
        attentions: list[Any] = []
        new_memories: list[Tensor] = []
        for layer, memory, mask in zip(self.layer, memories, layer_head_masks(head_mask, len(self.layer)), strict=True):
            if use_mems:
                new_memories.append(self._remember(content, memory))
            if output_hidden_states:
                states += [content] if query is None else [content, query]
            content, query, maps = layer(content, query, around, memory, mask, output_attentions)
            attentions.append(maps)
        states += [content] if query is None else [content, query]

        output = XLNetModelOutput(
            last_hidden_state=self.dropout(content if query is None else query),
            mems=tuple(new_memories) if use_mems else None,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return self._returned(output, return_dict)

    def _hidden(
        self, length: int, past: int, padding: Tensor | None, perm_mask: Tensor | None, device: torch.device
    ) -> Tensor | None:
        """(B or 1, 1, S, K) true where a token may not look, before each may look at itself."""
        parts = []
        if self.config.attn_type == "uni":
            query = torch.arange(length, device=device)[:, None]
            key = torch.arange(past + length, device=device)
            later = key > query + past
            parts.append((later | (key < query) if self.config.same_length else later)[None])
        for mask in (None if padding is None else padding[:, None], perm_mask):
            if mask is not None:  # memory may be looked at, unless the mask covers it too
                parts.append(torch.nn.functional.pad(mask > 0, (past + length - mask.shape[-1], 0)))
        if not parts:
            return None
        hidden = parts[0]
        for part in parts[1:]:
            hidden = hidden | part
        return hidden[:, None]

    def _distances(self, batch: int, length: int, keys: int, like: Tensor) -> Tensor:
        """(B or 1, P, H): how far a key may be away, from K down to as far ahead as a token may look."""
        config = self.config
        last = -length if config.attn_type == "bi" else -1
        distances = torch.arange(keys, last, -1, device=like.device)
        if config.clamp_len > 0:
            distances = distances.clamp(-config.clamp_len, config.clamp_len)
        table = sinusoids(distances, config.d_model)[None].to(like.dtype)
        if config.bi_data:
            backwards = sinusoids(-distances, config.d_model)[None].to(like.dtype)
            return torch.cat([table.expand(batch // 2, -1, -1), backwards.expand(batch // 2, -1, -1)])
        return table.expand(batch, -1, -1) if self.training else table  # dropout differs from row to row

    def _remember(self, content: Tensor, memory: Tensor | None) -> Tensor:
        """(M, B, H) what the next call shall see of this layer's inputs."""
        if self.config.reuse_len:
            content = content[:, : self.config.reuse_len]
        if memory is not None:
            content = torch.cat([memory, content], 1)
        return content[:, -(self.config.mem_len or 0) :].transpose(0, 1).contiguous().detach()


def _other_segment(token_type_ids: Tensor | None, past: int) -> Tensor | None:
    """(B, 1, S, K) true where the segments differ."""
    if token_type_ids is None:
        return None
    keys = torch.nn.functional.pad(token_type_ids, (past, 0))
    return (token_type_ids[:, :, None] != keys[:, None])[:, None]


def _oneself(length: int, past: int, device: torch.device) -> Tensor:
    """(S, K) true where the key is the query's own token."""
    return torch.nn.functional.pad(torch.eye(length, dtype=torch.bool, device=device), (past, 0))


def _check_shape(name: str, value: Tensor | None, shape: tuple[int | None, ...]) -> None:
    if value is None:
        return
    fits = value.dim() == len(shape) and all(
        want in (None, have) for have, want in zip(value.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("targets" if size is None else str(size) for size in shape)
        raise InputError(f"{name} has shape {tuple(value.shape)}; this batch needs ({wanted})")
