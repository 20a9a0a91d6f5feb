"""What is DistilBERT asked? One class per task: the bare network below a head, and its loss.

Shapes: B batch, S sequence, H hidden, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
Every `forward` takes DistilBertModel's inputs, by the same names, besides the labels.
"""

from typing import Any

from torch import Tensor, nn

from pretrained.models.distilbert.config_distilbert import DistilBertConfig
from pretrained.models.distilbert.modeling_distilbert import NORM_EPS, DistilBertModel, DistilBertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.layout import Padded, SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss

_TIED = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}


class DistilBertForMaskedLM(DistilBertPreTrainedModel, base=DistilBertModel):
    """Which token stands behind each [MASK]?"""

    tied_weights = _TIED
    fused_activation = ("vocab_transform", "activation")

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.vocab_transform = nn.Linear(config.dim, config.dim)
        self.activation = activation(config.activation)
        self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.vocab_projector = nn.Linear(config.dim, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        return self.vocab_projector

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.vocab_projector = value

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
        out = self.distilbert(*inputs, return_dict=True, **options)
        hidden = self.vocab_layer_norm(self.activation(self.vocab_transform(out.last_hidden_state)))
        logits = self.vocab_projector(hidden)
        labels = masked_lm_labels if labels is None else labels
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class _ClassifiesFirstToken(DistilBertPreTrainedModel):
    """What the heads that read a whole sequence share: dense, ReLU and classifier over the first token."""

    fused_activation = ("pre_classifier", "activation")

    def __init__(self, config: DistilBertConfig, labels: int) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.activation = activation("relu")
        self.dropout = nn.Dropout(config.seq_classif_dropout)
        self.classifier = nn.Linear(config.dim, labels)
        self.post_init()

    def _score(self, hidden: Tensor, layout: SequenceLayout | None) -> Tensor:
        first = (layout or Padded()).first_tokens(hidden)
        scores: Tensor = self.classifier(self.dropout(self.activation(self.pre_classifier(first))))
        return scores  # (B, labels)


class DistilBertForSequenceClassification(_ClassifiesFirstToken, base=DistilBertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config, config.num_labels)
        self.num_labels = config.num_labels

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        layout: SequenceLayout | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        out = self.distilbert(*inputs, layout=layout, return_dict=True, **options)
        logits = self._score(out.last_hidden_state, layout)
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class DistilBertForMultipleChoice(_ClassifiesFirstToken, base=DistilBertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config, 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        num_choices: int | None = None,
        layout: SequenceLayout | None = None,
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
            inputs_embeds=inputs_embeds,
            position_ids=position_ids,
        )
        out = self.distilbert(**rows, head_mask=head_mask, layout=layout, return_dict=True, **options)
        logits = self._score(out.last_hidden_state, layout).view(-1, num_choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class DistilBertForTokenClassification(DistilBertPreTrainedModel, base=DistilBertModel):
    """Which class has each token?"""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.distilbert = DistilBertModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.dim, config.num_labels)
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
        out = self.distilbert(input_ids, attention_mask, *inputs, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.last_hidden_state))
        loss = None if labels is None else token_loss(logits, labels, attention_mask)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class DistilBertForQuestionAnswering(DistilBertPreTrainedModel, base=DistilBertModel):
    """Where in the text does the answer start and end?"""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.num_labels = 2
        self.distilbert = DistilBertModel(config)
        self.dropout = nn.Dropout(config.qa_dropout)
        self.qa_outputs = nn.Linear(config.dim, 2)
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
        out = self.distilbert(*inputs, layout=layout, return_dict=True, **options)
        starts, ends = self.qa_outputs(self.dropout(out.last_hidden_state)).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, layout)
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)
