"""How does Transformer-XL turn tokens into vectors? The bare network; its heads stand in heads_transfo_xl.py.

Each layer also sees what it saw in earlier segments: its memory. Before the first segment that memory is zeros,
and is looked at, as in training.

Module names are the tensor names of the published checkpoints.

Shapes: B batch, S sequence, M memory, K = M + S keys, H hidden, N heads, D head width. Memories are (M, B, H),
with the sequence first, as published; inside, the batch comes first.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.errors import InputError
from pretrained.modeling import PreTrainedModel
from pretrained.models.transfo_xl.adaptive_transfo_xl import AdaptiveEmbedding
from pretrained.models.transfo_xl.config_transfo_xl import TransfoXLConfig
from pretrained.models.transfo_xl.names_transfo_xl import TENSORFLOW_1
from pretrained.nn.dropout import Dropout
from pretrained.nn.inputs import batch_axes, check_rows
from pretrained.nn.layout import Padded, layer_head_masks
from pretrained.nn.outputs import ModelOutput
from pretrained.nn.relative import distance_scores, read_memories, sinusoids


class TransfoXLModelOutput(ModelOutput):
    """The bare network."""

    last_hidden_state: Tensor  # (B, S, H)
    mems: tuple[Tensor, ...] | None  # one (M, B, H) per layer
    hidden_states: tuple[Tensor, ...] | None  # embeddings, then each layer: (B, S, H)
    attentions: tuple[Tensor, ...] | None  # one per layer: (B, N, S, K)


class RelativeAttention(nn.Module):
    """Attention whose scores depend on contents and on the distance between query and key."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        self.heads, self.width = config.n_head, config.d_head
        joined = self.heads * self.width
        self.pre_lnorm = config.pre_lnorm
        self.dropatt = config.dropatt
        self.qkv_net = nn.Linear(config.d_model, 3 * joined, bias=False)
        self.o_net = nn.Linear(joined, config.d_model, bias=False)
        self.r_net = nn.Linear(config.d_model, joined, bias=False)
        self.r_r_bias = nn.Parameter(torch.empty(self.heads, self.width))  # added to queries for distances
        self.r_w_bias = nn.Parameter(torch.empty(self.heads, self.width))  # added to queries for contents
        self.layer_norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.drop = Dropout(config.dropout)

    def forward(
        self,
        hidden: Tensor,  # (B, S, H)
        memory: Tensor | None,  # (B, M, H)
        distances: Tensor,  # (1, K + 1, H)
        masked: Tensor,  # (S, K)
        head_mask: Tensor | None,
        output_attentions: bool,
    ) -> tuple[Tensor, Tensor | None]:
        source = hidden if memory is None else torch.cat([memory, hidden], 1)
        projected = self.qkv_net(self.layer_norm(source) if self.pre_lnorm else source)
        query, key, value = (self._heads(part) for part in projected.chunk(3, -1))
        query = query[:, -hidden.shape[1] :]

        scale = self.width**-0.5
        bias = distance_scores(query + self.r_r_bias, self._heads(self.r_net(distances)), key.shape[1]) * scale
        bias = bias.masked_fill(masked, torch.finfo(bias.dtype).min)
        context, probabilities = Padded(bias).attend(
            query + self.r_w_bias,
            key,
            value,
            dropout=self.dropatt if self.training else 0.0,
            scale=scale,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )
        hidden = hidden + self.drop(self.o_net(context))
        return hidden if self.pre_lnorm else self.layer_norm(hidden), probabilities

    def _heads(self, states: Tensor) -> Tensor:
        """(B, S, N·D) → (B, S, N, D)"""
        return states.view(*states.shape[:-1], self.heads, self.width)


class PositionwiseFF(nn.Module):
    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        self.pre_lnorm = config.pre_lnorm
        self.CoreNet = nn.Sequential(
            nn.Linear(config.d_model, config.d_inner),
            nn.ReLU(),
            Dropout(config.dropout),
            nn.Linear(config.d_inner, config.d_model),
            Dropout(config.dropout),
        )
        self.layer_norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)

    def forward(self, hidden: Tensor) -> Tensor:
        if self.pre_lnorm:
            return cast(Tensor, hidden + self.CoreNet(self.layer_norm(hidden)))
        return cast(Tensor, self.layer_norm(hidden + self.CoreNet(hidden)))


class TransfoXLLayer(nn.Module):
    """Attention, then two dense layers."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__()
        self.dec_attn = RelativeAttention(config)
        self.pos_ff = PositionwiseFF(config)

    def forward(self, hidden: Tensor, *around: Any) -> tuple[Tensor, Tensor | None]:
        hidden, probabilities = self.dec_attn(hidden, *around)
        return self.pos_ff(hidden), probabilities


class TransfoXLPreTrainedModel(PreTrainedModel):
    """What Transformer-XL's network and all its heads share."""

    config_class = TransfoXLConfig
    base_model_prefix = "transformer"
    tensorflow = TensorFlowNames(
        rules=(
            Rename(r"(.*/(?:emb|out)_projs_\._\d+)", r"\1", transpose=True),
            Rename(r"(.*)/CoreNet/(\d+/.*)", r"\1/CoreNet_._\2"),
            # the matrices that score are variables of their own, [rows, width] like the embeddings
            Rename(r"(crit/out_layers_\._\d+)/kernel", r"\1_._weight", transpose=True),
            Rename(r"(crit/out_layers_\._\d+)/bias", r"\1_._bias"),
            Rename(r"(transformer/word_emb/emb_layers_\._\d+)/weight", r"\1/embeddings"),
        )
    )
    renames = TENSORFLOW_1
    config: TransfoXLConfig

    def _init_weights(self, module: nn.Module) -> None:
        config = self.config
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.ParameterList):  # projections of the clusters
                nn.init.normal_(parameter, std=config.proj_init_std)
            elif isinstance(module, nn.LayerNorm) and name == "weight":
                nn.init.normal_(parameter, mean=1.0, std=config.init_std)
            elif name in ("bias", "cluster_bias"):
                nn.init.zeros_(parameter)
            elif config.init == "uniform":
                nn.init.uniform_(parameter, -config.init_range, config.init_range)
            else:
                nn.init.normal_(parameter, std=config.init_std)

    def _ties(self) -> dict[str, str]:
        """Without `untie_r`, all layers share one pair of biases, which is published under every name."""
        if self.config.untie_r:
            return {}
        base = "" if self.base_model is self else "transformer."
        names = [(layer, name) for layer in range(self.config.n_layer) for name in ("r_r_bias", "r_w_bias")]
        return {f"{base}layers.{layer}.dec_attn.{name}": f"{base}{name}" for layer, name in names}

    def init_mems(self, bsz: int) -> list[Tensor] | None:
        """The memories before the first segment: zeros, one (mem_len, batch, H) per layer; None without memory."""
        if not self.config.mem_len:
            return None
        shape = self.config.mem_len, bsz, self.config.d_model
        return [torch.zeros(shape, dtype=self.dtype, device=self.device) for _ in range(self.config.n_layer)]

    def reset_memory_length(self, mem_len: int) -> None:
        """How many states a memory keeps from now on."""
        self.config.mem_len = mem_len
        self.config.validate()

    def resize_token_embeddings(self, new_num_tokens: int | None = None, layer: int = -1) -> Any:
        """Cuts or extends one cluster of the vocabulary; new rows are initialised, old ones kept.

        Args:
            new_num_tokens: tokens of all clusters afterwards; None changes nothing.
            layer: the cluster; the last one unless given. Tokens behind it get other numbers.

        Returns:
            The input embedding.
        """
        embedding = cast(AdaptiveEmbedding, self.get_input_embeddings())
        if new_num_tokens is None or new_num_tokens == embedding.n_token:
            return embedding
        layers, ends = len(embedding.emb_layers), embedding.ends
        if not -layers <= layer < layers:
            raise InputError(f"cluster {layer} cannot be resized; this model has tables 0 to {layers - 1}")
        old = cast(nn.Embedding, embedding.emb_layers[layer])
        added = new_num_tokens - embedding.n_token
        count = old.num_embeddings + added
        kept_for_others = ends[-2] if layers == 1 and len(ends) > 1 else 0  # one table: only its last cluster changes
        if count <= kept_for_others:
            raise InputError(
                f"{new_num_tokens} tokens are {-added} fewer than now, and the cluster to resize has only "
                f"{old.num_embeddings - kept_for_others}"
            )
        new = nn.Embedding(count, old.embedding_dim).to(old.weight)
        self._init_weights(new)
        kept = min(count, old.num_embeddings)
        with torch.no_grad():
            new.weight[:kept] = old.weight[:kept]
        embedding.emb_layers[layer] = new
        first_moved = len(ends) - 1 if layers == 1 else layer % layers
        embedding.ends = [end + added if index >= first_moved else end for index, end in enumerate(ends)]
        self.config.update({"vocab_size": new_num_tokens, "cutoffs": embedding.ends[:-1]})
        self._resize_scores(embedding.ends, layer, count)
        self.tie_weights()
        return embedding

    def _resize_scores(self, ends: list[int], layer: int, count: int) -> None:
        """Lets a head that scores the vocabulary follow."""


class TransfoXLModel(TransfoXLPreTrainedModel):
    """The bare network (Dai et al., arXiv 1901.02860)."""

    def __init__(self, config: TransfoXLConfig) -> None:
        super().__init__(config)
        self.word_emb = AdaptiveEmbedding(
            config.vocab_size, config.d_embed, config.d_model, config.cutoffs, config.div_val
        )
        self.drop = Dropout(config.dropout)
        if not config.untie_r:
            self.r_w_bias = nn.Parameter(torch.empty(config.n_head, config.d_head))
            self.r_r_bias = nn.Parameter(torch.empty(config.n_head, config.d_head))
        self.layers = nn.ModuleList(TransfoXLLayer(config) for _ in range(config.n_layer))
        self.register_load_state_dict_pre_hook(_drop_frequencies)  # type: ignore[no-untyped-call]
        self.post_init()

    def get_input_embeddings(self) -> Any:
        return self.word_emb

    def set_input_embeddings(self, value: Any) -> None:
        self.word_emb = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        mems: Sequence[Tensor | None] | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers. There is no mask: rows are of one length, or padded on the right.
            mems: what an earlier call returned: one (M, B, H) per layer; zeros unless given.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`, as they leave the embedding.

        Returns:
            TransfoXLModelOutput: (last_hidden_state (B, S, H), mems, …).

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        check_rows(given)
        batch, length = given.shape
        mems = self.init_mems(batch) if mems is None else mems
        memories = read_memories(mems, layers=config.n_layer, batch=batch, width=config.d_model)
        past = 0 if not memories or memories[0] is None else memories[0].shape[1]

        hidden = self.drop(self.word_emb(input_ids) if inputs_embeds is None else inputs_embeds)
        masked = self._masked(length, past + length, hidden.device)
        distances = torch.arange(past + length, -1, -1, device=hidden.device)
        if config.clamp_len > 0:
            distances = distances.clamp(max=config.clamp_len)
        table = self.drop(sinusoids(distances, config.d_model)[None].to(hidden.dtype))

        states: list[Tensor] = []
        attentions: list[Any] = []
        for layer, memory, mask in zip(self.layers, memories, layer_head_masks(head_mask, config.n_layer), strict=True):
            states.append(hidden)
            hidden, probabilities = layer(hidden, memory, table, masked, mask, output_attentions)
            attentions.append(probabilities)
        hidden = self.drop(hidden)
        output = TransfoXLModelOutput(
            last_hidden_state=hidden,
            mems=self._remember(states, memories),
            hidden_states=(*states, hidden) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return self._returned(output, return_dict)

    def _masked(self, length: int, keys: int, device: torch.device) -> Tensor:
        """(S, K) true where a token may not look: at later tokens and, with `same_length`, at the farthest ones."""
        query = torch.arange(length, device=device)[:, None]
        key = torch.arange(keys, device=device)
        masked = key > query + (keys - length)
        if self.config.same_length:
            masked |= key <= query - (length - max(0, keys - self.config.mem_len))
        return masked

    def _remember(self, states: list[Tensor], memories: list[Tensor | None]) -> tuple[Tensor, ...] | None:
        """One (M, B, H) per layer: the last `mem_len` of its inputs."""
        if not self.config.mem_len:
            return None
        new = []
        for state, memory in zip(states, memories, strict=True):
            seen = state if memory is None else torch.cat([memory, state], 1)
            new.append(seen[:, -self.config.mem_len :].transpose(0, 1).contiguous().detach())
        return tuple(new)


def _drop_frequencies(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """The published files hold the frequencies of the sinusoids, which are computed here."""
    state_dict.pop(f"{prefix}pos_emb.inv_freq", None)
