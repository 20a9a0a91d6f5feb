"""Text in, answer out: which pipeline does a task, and with which model?

from pretrained import pipeline

classify = pipeline("sentiment-analysis", model="my-folder")
classify("a moving film")  # [{"label": "positive", "score": 0.99}]
"""

import importlib
import logging
import os
from typing import TYPE_CHECKING, Any

from pretrained.errors import UnknownTaskError, did_you_mean

if TYPE_CHECKING:
    import torch

    from pretrained.config import PretrainedConfig
    from pretrained.modeling import PreTrainedModel
    from pretrained.pipelines.base import Pipeline

logger = logging.getLogger("pretrained")

# Task → (module and class, the model that was published as its default)
TASKS = {
    "feature-extraction": ("features:FeatureExtractionPipeline", "distilbert-base-cased"),
    "sentiment-analysis": ("texts:TextClassificationPipeline", "distilbert-base-uncased-finetuned-sst-2-english"),
    "ner": ("words:TokenClassificationPipeline", "dbmdz/bert-large-cased-finetuned-conll03-english"),
    "question-answering": ("questions:QuestionAnsweringPipeline", "distilbert-base-cased-distilled-squad"),
    "fill-mask": ("masks:FillMaskPipeline", "distilroberta-base"),
    "text-generation": ("writing:TextGenerationPipeline", "gpt2"),
    "zero-shot-classification": ("zero_shot:ZeroShotClassificationPipeline", "roberta-large-mnli"),
}
_ALSO = {"text-classification": "sentiment-analysis", "token-classification": "ner"}
_NOT_HERE = ("summarization", "translation", "text2text-generation", "conversational")


def pipeline(
    task: str,
    model: "str | os.PathLike[str] | PreTrainedModel | None" = None,
    config: "str | os.PathLike[str] | PretrainedConfig | None" = None,
    tokenizer: Any = None,
    framework: str | None = None,
    revision: str | None = None,
    use_fast: bool = True,
    *,
    device: "int | str | torch.device | None" = -1,
    precision: str = "fp32",
    threads: int | None = None,
    **options: Any,
) -> "Pipeline":
    """A pipeline for a task: call it with a text, with a list of texts, or with an iterator of them.

    Args:
        task: "feature-extraction", "sentiment-analysis" or "text-classification", "ner" or "token-classification",
            "question-answering", "fill-mask", "text-generation" or "zero-shot-classification".
        model: any way to name a model, see `pretrained.resolve`, or a loaded one; the published default unless given.
        config: used instead of the model's own.
        tokenizer: a tokenizer or the name of one; the model's own unless given.
        framework: "pt" or None; there is no other.
        revision: of the model: a branch, tag or commit.
        use_fast: accepted for old code; there is one tokenizer a family, and it is the fast one.
        device: -1 for the CPU, the number of a GPU, or as torch names it.
        precision: of the products, see `pretrained.optimize`: "fp32", "bf16", "int8" or "auto".
        threads: how many work; unless given, as many as torch is set to.
        **options: of the pipeline, as in its call, and hub options such as `cache_dir`.

    Raises:
        UnknownTaskError: there is no such task; names those that there are.
        ConfigurationError: the model's family has no head for the task; or a device or a precision that this machine
            does not have.
        TypeError: an option that the pipeline does not have.
    """
    name = _ALSO.get(task, task)
    if name not in TASKS:
        raise UnknownTaskError(_unknown(task, model))
    if framework not in (None, "pt"):
        raise TypeError(f'framework={framework!r}: models run in PyTorch, whatever wrote their files; "pt" or None')
    target, default = TASKS[name]
    if model is None:
        model = default
        logger.warning("no model was named, so the default of %s is used: %s", task, default)
    module, _, class_name = target.partition(":")
    made: Pipeline = getattr(importlib.import_module(f"pretrained.pipelines.{module}"), class_name).load(
        task,
        model,
        config=config,
        tokenizer=tokenizer,
        revision=revision,
        device=device,
        precision=precision,
        threads=threads,
        options=options,
    )
    return made


def _unknown(task: Any, model: Any) -> str:
    """What is said about a task that there is not."""
    there = [*TASKS, *_ALSO]
    also = did_you_mean(str(task).lower().replace("_", "-"), there)
    if str(task).startswith(_NOT_HERE):
        also = " (it needs an encoder-decoder model, and this version has none)"
    elif isinstance(model, str) and model in there:
        also = f" (the task comes first: pipeline({model!r}, {task!r}))"
    return f"there is no pipeline {task!r}{also}; there are: {', '.join(sorted(there))}"
