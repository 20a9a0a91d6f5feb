"""How does a model become the same model in another format, and are two models the same?"""

from pretrained.conversion.compare import Row, compare
from pretrained.conversion.convert import Conversion, convert
from pretrained.conversion.opened import Opened, open_model

__all__ = ["Conversion", "Opened", "Row", "compare", "convert", "open_model"]
