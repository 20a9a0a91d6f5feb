"""How do many texts become vectors fast? The runner: `Encoder`, over a rewritten copy of a model."""

from pretrained.runner.encoder import Encoder

__all__ = ["Encoder"]
