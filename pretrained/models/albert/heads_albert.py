"""What is ALBERT asked? One class per task: the bare network below a head, and its loss.

Shapes: B batch, S sequence, E embedding, H hidden, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
Every `forward` takes AlbertModel's inputs, by the same names, besides the labels.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.models.albert.config_albert import AlbertConfig
from pretrained.models.albert.modeling_albert import AlbertModel, AlbertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.outputs import ModelOutput

_TIED = {
    "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
    "predictions.decoder.bias": "predictions.bias",
}
_NO_POOLER = (r"albert\.pooler\..*",)


class AlbertForPreTrainingOutput(ModelOutput):
    """ALBERT's two pre-training heads."""

    loss: Tensor | None  # ()
    prediction_logits: Tensor  # (B, S, V)
    sop_logits: Tensor  # (B, 2); 0: the two texts are in order
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class AlbertMLMHead(nn.Module):
    """Scores the vocabulary for every token: back to E features, then the word embedding as the matrix."""

    fused_activation = ("dense", "activation")

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.activation = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.embedding_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # published under this name and the decoder's

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.decoder(self.LayerNorm(self.activation(self.dense(hidden)))))  # (B, S, V)


class AlbertSOPHead(nn.Module):
    """Are the two texts in order? Class 0: yes."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(pooled)))  # (B, 2)


class _ScoresVocabulary(AlbertPreTrainedModel):
    """What the heads with `predictions` share: the ties, and where the scoring layer is."""

    tied_weights = _TIED
    predictions: AlbertMLMHead

    def get_output_embeddings(self) -> nn.Linear:
        return self.predictions.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.predictions.decoder = value


class AlbertForPreTraining(_ScoresVocabulary, base=AlbertModel):
    """Masked tokens and sentence order, the two tasks that ALBERT was trained on."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.predictions = AlbertMLMHead(config)
        self.sop_classifier = AlbertSOPHead(config)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere.
            sentence_order_label: (B,) 0 if the texts are in order, 1 if they were swapped.

        Returns:
            AlbertForPreTrainingOutput: loss if both labels are given, prediction_logits (B, S, V), sop_logits (B, 2).
        """
        out = self.albert(*inputs, return_dict=True, **options)
        scores = self.predictions(out.last_hidden_state)
        order = self.sop_classifier(out.pooler_output)
        loss = None
        if labels is not None and sentence_order_label is not None:
            loss = token_loss(scores, labels) + sequence_loss(order, sentence_order_label)
        output = AlbertForPreTrainingOutput(
            loss=loss,
            prediction_logits=scores,
            sop_logits=order,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
        return self._returned(output, return_dict)


class AlbertForMaskedLM(_ScoresVocabulary, base=AlbertModel):
    """Which token stands behind each [MASK]?"""

    optional_keys = _NO_POOLER

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.predictions = AlbertMLMHead(config)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        masked_lm_labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere; `masked_lm_labels` is the 2.x name.

        Returns:
            HeadOutput: loss, logits (B, S, V).
        """
        out = self.albert(*inputs, return_dict=True, **options)
        logits = self.predictions(out.last_hidden_state)
        labels = masked_lm_labels if labels is None else labels
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class AlbertForSequenceClassification(AlbertPreTrainedModel, base=AlbertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.albert = AlbertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        out = self.albert(*inputs, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.pooler_output))
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class AlbertForMultipleChoice(AlbertPreTrainedModel, base=AlbertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        num_choices: int | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) the number of the right choice.
            num_choices: C, where it cannot be seen: in a packed batch, whose sequences are the choices in order.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        num_choices, rows = flatten_choices(
            num_choices,
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        out = self.albert(**rows, head_mask=head_mask, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.pooler_output)).view(-1, num_choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class AlbertForTokenClassification(AlbertPreTrainedModel, base=AlbertModel):
    """Which class has each token?"""

    optional_keys = _NO_POOLER

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *inputs: Any,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) class numbers; -100, and places that the mask leaves out, do not count.

        Returns:
            HeadOutput: loss, logits (B, S, C).
        """
        out = self.albert(input_ids, attention_mask, *inputs, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.last_hidden_state))
        loss = None if labels is None else token_loss(logits, labels, attention_mask)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class AlbertForQuestionAnswering(AlbertPreTrainedModel, base=AlbertModel):
    """Where in the text does the answer start and end?"""

    optional_keys = _NO_POOLER

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.num_labels = 2
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        layout: SequenceLayout | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            start_positions, end_positions: (B,) the answer's first and last token; positions outside the text
                do not count.

        Returns:
            HeadOutput: loss, start_logits (B, S), end_logits (B, S).
        """
        out = self.albert(*inputs, layout=layout, return_dict=True, **options)
        starts, ends = self.qa_outputs(out.last_hidden_state).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, layout)
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)
