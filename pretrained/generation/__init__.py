"""How does a network write? Token by token, by one of the loops below.

The loops know no model class. They ask a network, over and over, for the scores of the next token; what it keeps
between two calls (keys and values, or memories) only the network itself understands.
"""

from pretrained.generation.generate import generate, stream
from pretrained.generation.network import causal_inputs
from pretrained.generation.options import GenerationOptions
from pretrained.generation.outputs import GenerationOutput

__all__ = ["GenerationOptions", "GenerationOutput", "causal_inputs", "generate", "stream"]
