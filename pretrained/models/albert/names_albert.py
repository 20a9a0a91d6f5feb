"""How do other frameworks call ALBERT's tensors?"""

from pretrained.checkpoints import Rename

_HUB = r"(?:module/)?"  # TensorFlow Hub's modules are below a scope of their own
# Group, and place in it. The `_1` of other names is the second use of a scope in the program.
_LAYER = _HUB + r"bert/encoder/transformer/group_(\d+)/inner_group_(\d+)"
_TARGET = r"albert.encoder.albert_layer_groups.\1.albert_layers.\2"

TENSORFLOW_1 = (
    Rename(_HUB + r"bert/embeddings/(\w+_embeddings)", r"albert.embeddings.\1.weight"),
    Rename(_HUB + r"bert/embeddings/LayerNorm/(\w+)", r"albert.embeddings.LayerNorm.\1"),
    Rename(_HUB + r"bert/encoder/embedding_hidden_mapping_in/(\w+)", r"albert.encoder.embedding_hidden_mapping_in.\1"),
    Rename(_LAYER + r"/attention_1/self/(query|key|value)/(\w+)", _TARGET + r".attention.\3.\4"),
    Rename(_LAYER + r"/attention_1/output/dense/(\w+)", _TARGET + r".attention.dense.\3"),
    Rename(_LAYER + r"/LayerNorm/(\w+)", _TARGET + r".attention.LayerNorm.\3"),
    Rename(_LAYER + r"/ffn_1/intermediate/dense/(\w+)", _TARGET + r".ffn.\3"),
    Rename(_LAYER + r"/ffn_1/intermediate/output/dense/(\w+)", _TARGET + r".ffn_output.\3"),
    Rename(_LAYER + r"/LayerNorm_1/(\w+)", _TARGET + r".full_layer_layer_norm.\3"),
    Rename(_HUB + r"bert/pooler/dense/(\w+)", r"albert.pooler.\1"),
    Rename(_HUB + r"cls/predictions/transform/(dense|LayerNorm)/(\w+)", r"predictions.\1.\2"),
    Rename(_HUB + r"cls/predictions/output_bias", "predictions.bias"),
    Rename(_HUB + r"cls/seq_relationship/output_weights", "sop_classifier.classifier.weight"),
    Rename(_HUB + r"cls/seq_relationship/output_bias", "sop_classifier.classifier.bias"),
    # what run_classifier.py adds
    Rename(r"output_weights", "classifier.weight"),
    Rename(r"output_bias", "classifier.bias"),
)
