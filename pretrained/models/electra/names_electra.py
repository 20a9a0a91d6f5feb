"""How do other frameworks call ELECTRA's tensors?

Google's checkpoints hold both networks of the pretraining: the discriminator below the scope `electra`, the generator
below `generator`. They share the embeddings, which are the discriminator's. The class decides which one is read.
"""

from pretrained.checkpoints import Rename
from pretrained.models.bert.names_bert import embeddings, encoder

_BOTH = (
    *embeddings("electra", "electra"),
    Rename(r"(?:.*/)?temperature", None),
)
TENSORFLOW_1 = (
    *_BOTH,
    *encoder("electra", "electra"),
    Rename(r"electra/embeddings_project/(\w+)", r"electra.embeddings_project.\1"),
    Rename(r"discriminator_predictions/dense/(\w+)", r"discriminator_predictions.dense.\1"),
    Rename(r"discriminator_predictions/dense_1/(\w+)", r"discriminator_predictions.dense_prediction.\1"),
    Rename(r"generator(?:_predictions)?/.*", None),
)
GENERATOR_TENSORFLOW_1 = (
    *_BOTH,
    *encoder("generator", "electra"),
    Rename(r"generator/embeddings_project/(\w+)", r"electra.embeddings_project.\1"),
    Rename(r"generator_predictions/(dense|LayerNorm)/(\w+)", r"generator_predictions.\1.\2"),
    Rename(r"generator_predictions/output_bias", "generator_lm_head.bias"),
    Rename(r"electra/(?:encoder|embeddings_project)/.*|discriminator_predictions/.*", None),
)
