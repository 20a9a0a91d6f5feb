"""Which vectors stand for positions that were never trained?"""

import torch
from torch import nn


class SinusoidalPositions(nn.Embedding):
    """A table of sines and cosines in turn, of one frequency for each pair of columns; it is not trained.

    (Vaswani et al., arXiv 1706.03762, section 3.5.) The table is a parameter, because checkpoints hold it; a
    model's `_init_weights` calls `fill()`.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def fill(self) -> None:
        rows, width = self.weight.shape
        # in double precision, as the published tables were made
        position = torch.arange(rows, dtype=torch.float64, device=self.weight.device)[:, None]
        columns = torch.arange(0, width, 2, dtype=torch.float64, device=self.weight.device)
        angles = position / 10000 ** (columns / width)
        self.weight[:, 0::2] = angles.sin().to(self.weight)
        self.weight[:, 1::2] = angles.cos()[:, : width // 2].to(self.weight)
