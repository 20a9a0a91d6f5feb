"""Is a Conv1D a linear layer the other way round?"""

import torch
import torch.nn.functional as F

from pretrained.nn.conv1d import Conv1D, prune_conv1d


def layer() -> Conv1D:
    conv = Conv1D(6, 4)
    for parameter in conv.parameters():
        torch.nn.init.normal_(parameter)
    return conv


def test_it_is_a_transposed_linear_layer():
    conv = layer()
    assert (conv.in_features, conv.out_features) == (4, 6)
    for shape in ((4,), (3, 4), (2, 3, 4), (0, 4)):
        x = torch.randn(shape)
        torch.testing.assert_close(conv(x), F.linear(x, conv.weight.t(), conv.bias))


def test_pruning_keeps_the_named_features():
    conv, x = layer(), torch.randn(3, 4)
    keep = torch.tensor([1, 2, 5])
    torch.testing.assert_close(prune_conv1d(conv, keep, dim=1)(x), conv(x)[:, keep])
    keep = torch.tensor([0, 3])
    silent = x.index_fill(1, torch.tensor([1, 2]), 0.0)
    torch.testing.assert_close(prune_conv1d(conv, keep, dim=0)(x[:, keep]), conv(silent))
