"""What shape is a GPT that came as OpenAI published it, without a configuration?"""

from typing import Any

_ARRAYS_A_LAYER = 12
_HEAD_WIDTH = 64


def config_of_gpt(shapes: object) -> dict[str, Any] | None:
    """The sizes, from the list of shapes: positions, tokens, so many arrays a layer. Every head of it is 64 wide."""
    if not isinstance(shapes, list) or not all(_is_shape(shape) for shape in shapes):
        return None
    layers, rest = divmod(len(shapes) - 2, _ARRAYS_A_LAYER)
    if layers < 1 or rest or any(len(shape) != 2 for shape in shapes[:2]):
        return None
    (positions, width), (tokens, width_of_tokens) = shapes[:2]
    if width != width_of_tokens or width % _HEAD_WIDTH:
        return None
    return {
        "model_type": "openai-gpt",
        "n_positions": positions,
        "n_ctx": positions,
        "vocab_size": tokens,
        "n_embd": width,
        "n_layer": layers,
        "n_head": width // _HEAD_WIDTH,
    }


def _is_shape(shape: object) -> bool:
    return isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
