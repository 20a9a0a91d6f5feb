"""Do the pieces of a tensor make the whole tensor, however it lies in memory?"""

import pytest
import torch

from pretrained.checkpoints.tensor_bytes import digest, parts, pieces


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(1000.0),
        torch.arange(1000.0).view(10, 100).t(),
        torch.arange(1000.0).view(2, 5, 100).permute(2, 0, 1),
        torch.arange(1000.0).view(1, 10, 100).transpose(1, 2),
        torch.arange(1000.0)[::3],
        torch.arange(1.0).expand(700),
        torch.arange(1000, dtype=torch.int8).view(20, 50).t(),
        torch.tensor(3.5),
        torch.empty(0, 7),
        torch.randn(30, 20, dtype=torch.complex64).t().conj(),
        torch.arange(300.0).to(torch.bfloat16).view(3, 100).t(),
        torch.ones(300).to(torch.float8_e4m3fn).view(3, 100).t(),
        torch.tensor([True, False] * 200),
    ],
)
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_parts_are_small_and_make_the_whole(tensor: torch.Tensor, size: int) -> None:
    made = list(parts(tensor, size))
    assert all(part.dim() == 1 and part.nbytes <= size for part in made)
    dense = tensor.resolve_conj().contiguous().view(-1)
    assert torch.equal(torch.cat([part.view(torch.uint8) for part in [dense[:0], *made]]), dense.view(torch.uint8))
    assert b"".join(bytes(piece) for piece in pieces(tensor)) == bytes(dense.view(torch.uint8).numpy().data)


def test_a_digest_sees_one_bit() -> None:
    one = torch.zeros(1000)
    other = one.clone()
    assert digest(one) == digest(other)
    other[-1] = -0.0
    assert digest(one) != digest(other)
