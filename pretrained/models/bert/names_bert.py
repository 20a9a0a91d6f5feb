"""How do other frameworks call BERT's tensors?"""

from pretrained.checkpoints import Rename

_LAYER = r"encoder/layer_(\d+)"


def encoder(scope: str, target: str) -> tuple[Rename, ...]:
    """The layers of Google's program below `scope`, put below `target`."""
    return (
        Rename(rf"{scope}/{_LAYER}/attention/(\w+)/(\w+)/(\w+)", rf"{target}.encoder.layer.\1.attention.\2.\3.\4"),
        Rename(rf"{scope}/{_LAYER}/(intermediate|output)/(\w+)/(\w+)", rf"{target}.encoder.layer.\1.\2.\3.\4"),
    )


def embeddings(scope: str, target: str) -> tuple[Rename, ...]:
    return (
        Rename(rf"{scope}/embeddings/(\w+_embeddings)", rf"{target}.embeddings.\1.weight"),
        Rename(rf"{scope}/embeddings/LayerNorm/(\w+)", rf"{target}.embeddings.LayerNorm.\1"),
    )


TENSORFLOW_1 = (
    *embeddings("bert", "bert"),
    *encoder("bert", "bert"),
    Rename(r"bert/pooler/dense/(\w+)", r"bert.pooler.dense.\1"),
    Rename(r"cls/predictions/transform/(\w+)/(\w+)", r"cls.predictions.transform.\1.\2"),
    Rename(r"cls/predictions/output_bias", "cls.predictions.bias"),
    Rename(r"cls/seq_relationship/output_weights", "cls.seq_relationship.weight"),
    Rename(r"cls/seq_relationship/output_bias", "cls.seq_relationship.bias"),
    # what run_classifier.py and run_squad.py add; these matrices are [out, in] already
    Rename(r"output_weights", "classifier.weight"),
    Rename(r"output_bias", "classifier.bias"),
    Rename(r"cls/squad/output_weights", "qa_outputs.weight"),
    Rename(r"cls/squad/output_bias", "qa_outputs.bias"),
)
