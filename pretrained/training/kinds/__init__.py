"""Which kinds of tasks are there? Each knows its head, its rows, its predictions and its metrics."""

from pretrained.training.kinds.answers import Answers
from pretrained.training.kinds.choice import Choice
from pretrained.training.kinds.kind import Kind
from pretrained.training.kinds.language import Causal, Masked
from pretrained.training.kinds.sequence import Classification, MultiLabel, Regression
from pretrained.training.kinds.tokens import Tokens

KINDS: dict[str, type[Kind]] = {
    "classification": Classification,
    "regression": Regression,
    "multi-label": MultiLabel,
    "tokens": Tokens,
    "answers": Answers,
    "choice": Choice,
    "masked": Masked,
    "causal": Causal,
}

__all__ = ["KINDS", "Kind"]
