"""How does GPT turn tokens into vectors? As GPT-2 does, but with a norm after each part and none at the end."""

from typing import Any, cast

from torch import Tensor, nn

from pretrained.models.gpt2.modeling_gpt2 import GPT2MLP, GPT2Attention, GPT2Model, GPT2PreTrainedModel
from pretrained.models.openai_gpt.config_openai_gpt import ACTIVATIONS, OpenAIGPTConfig
from pretrained.nn.layout import SequenceLayout


class OpenAIGPTBlock(nn.Module):
    """Attention, then two dense layers; each adds what came in, and is normalised."""

    def __init__(self, config: OpenAIGPTConfig, layer_index: int = 0) -> None:
        super().__init__()
        self.attn = GPT2Attention(config, layer_index)
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config, 4 * config.n_embd, ACTIVATIONS[config.afn])
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    def forward(
        self, hidden: Tensor, layout: SequenceLayout, *, encoder: None = None, **options: Any
    ) -> tuple[Tensor, Tensor | None, None]:
        """Returns the hidden states, the attention map if asked for, and no map to an encoder."""
        attended, probabilities = self.attn(hidden, layout, **options)
        hidden = self.ln_1(hidden + attended)
        return self.ln_2(hidden + self.mlp(hidden)), probabilities, None


class OpenAIGPTPreTrainedModel(GPT2PreTrainedModel):
    """What GPT's network and all its heads share."""

    config_class = OpenAIGPTConfig
    config: OpenAIGPTConfig


class OpenAIGPTModel(OpenAIGPTPreTrainedModel, GPT2Model):
    """The bare network (Radford et al., OpenAI 2018): a causal decoder.

    Keys and values of earlier tokens are returned only where `use_cache=True` asks for them: the published GPT
    had none.

    Args:
        config: sizes.
    """

    input_layer = "tokens_embed"

    def _add_layers(self) -> None:
        config = self.config
        self.tokens_embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.positions_embed = nn.Embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(OpenAIGPTBlock(config, index) for index in range(config.n_layer))

    def _position_table(self) -> nn.Embedding:
        return self.positions_embed

    def _last_norm(self, hidden: Tensor) -> Tensor:
        return hidden

    def forward(  # type: ignore[override]  # the published order, without `past_key_values` in second place
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        past_key_values: Any | None = None,
        use_cache: bool = False,
        layout: SequenceLayout | None = None,
    ) -> Any:
        """Runs the network; inputs and outputs are those of `GPT2Model.forward`, but for the cross attention."""
        return cast(
            Any,
            GPT2Model.forward(
                self,
                input_ids,
                past_key_values,
                attention_mask,
                token_type_ids,
                position_ids,
                head_mask,
                inputs_embeds,
                use_cache=use_cache,
                output_attentions=output_attentions,
                output_hidden_states=output_hidden_states,
                return_dict=return_dict,
                layout=layout,
            ),
        )
