"""Names and answers stand between characters, whatever blanks their pieces hold."""

import pytest

from pretrained.decoding.places import without_blanks


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(4, 14, (5, 13)), (0, 4, (0, 4)), (4, 5, (5, 5)), (4, 4, (4, 4)), (13, 16, (15, 16)), (0, 21, (0, 20))],
)
def test_a_stretch_loses_the_blanks_at_its_edges(start: int, end: int, expected: tuple[int, int]) -> None:
    assert without_blanks("anna lives in\n\u3000paris ", start, end) == expected
