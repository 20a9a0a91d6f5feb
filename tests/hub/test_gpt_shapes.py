"""Are the sizes of a GPT read off its list of shapes, and of nothing else?"""

import pytest

from pretrained.hub.gpt_shapes import config_of_gpt

LAYER = [[1, 768, 2304], [2304], [1, 768, 768], [768], [768], [768]]
LAYER += [[1, 768, 3072], [3072], [1, 3072, 768], [768], [768], [768]]
GPT = [[512, 768], [40478, 768], *LAYER * 12]


def test_sizes_of_gpt() -> None:
    assert config_of_gpt(GPT) == {
        "model_type": "openai-gpt",
        "n_positions": 512,
        "n_ctx": 512,
        "vocab_size": 40478,
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
    }


@pytest.mark.parametrize(
    "shapes",
    [
        None,
        {},
        [],
        GPT[:2],
        GPT[:-1],
        [[512, 768], [40478, 512], *GPT[2:]],
        [[512], *GPT[1:]],
        [[512, 700], [40478, 700], *GPT[2:]],
        [[512, True], *GPT[1:]],
        [[0, 0], [0, 0], *GPT[2:]],
        [[-512, 768], *GPT[1:]],
        ["512", *GPT[1:]],
    ],
)
def test_shapes_that_are_not_of_gpt(shapes: object) -> None:
    assert config_of_gpt(shapes) is None
