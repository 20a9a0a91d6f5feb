"""What does one use here in place of a name that other libraries have?"""

from collections.abc import Collection

from pretrained.errors import did_you_mean

_INSTEAD = {
    ("Trainer", "TrainingArguments", "EvalPrediction", "HfArgumentParser"): (
        "`pretrained finetune` or pretrained.training.finetune trains, see docs/finetuning.md; "
        "a training loop of your own works as it is"
    ),
    ("DataCollator", "default_data_collator"): "tokenizer.pad(rows, return_tensors='pt') makes a batch of rows",
    ("InputExample", "InputFeatures", "glue_", "squad_", "SquadV"): (
        "`pretrained finetune` reads these tasks, see docs/finetuning.md"
    ),
    ("PreTrainedTokenizerBase", "PreTrainedTokenizerFast"): (
        "PreTrainedTokenizer is the class of all tokenizers, AutoTokenizer.from_pretrained loads any"
    ),
    (
        "GenerationConfig",
        "LogitsProcessor",
        "LogitsWarper",
        "StoppingCriteria",
        "BeamSearchScorer",
    ): ("generate takes these options by name, and functions of your own, see docs/generation.md"),
    ("TextStreamer", "TextIteratorStreamer"): "model.stream yields tokens as they are written, see docs/generation.md",
    ("EncoderDecoder", "T5", "Bart", "MBart", "Pegasus", "Marian"): (
        "this version has encoders and decoders, and no models made of both; docs/families.md lists them"
    ),
    ("get_scheduler",): "the get_…_schedule functions are here by their own names",
}


def unknown_name(name: str, known: Collection[str]) -> str:
    """What is said of a public name that there is not: what to use instead, or what may have been meant."""
    for framework, names in (("TensorFlow", "TF"), ("Flax", "Flax")):
        if name.startswith(names) and (own := name.removeprefix(names)) in known:
            return f"'pretrained' has no {name!r}; {own}.from_pretrained reads the weights of {framework} too"
    for beginnings, instead in _INSTEAD.items():
        if name.startswith(beginnings):
            return f"'pretrained' has no {name!r}; {instead}"
    return f"module 'pretrained' has no attribute {name!r}{did_you_mean(name, known)}"
