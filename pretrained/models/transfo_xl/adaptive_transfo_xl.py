"""How do frequent words get wide vectors and rare ones narrow ones? Adaptive embedding and adaptive softmax.

The vocabulary is sorted by frequency and cut into clusters at `cutoffs`. The softmax scores the first cluster
together with one score for each other cluster, and the words of those given their cluster.
(Baevski & Auli, arXiv 1809.10853; Grave et al., arXiv 1609.04309)

Shapes: T tokens, H hidden, V vocabulary, E_i features of cluster i.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrained.nn.inputs import out_of_range


class _Clusters(nn.Module):
    """What both share: where the clusters lie. Cluster i is the tokens from `ends[i - 1]` to `ends[i]`."""

    def __init__(self, n_token: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        self.ends = [*cutoffs, n_token]

    @property
    def n_token(self) -> int:
        return self.ends[-1]

    def _clusters(self) -> Iterator[tuple[int, int, int]]:
        """(number, first token, token after the last)"""
        return zip(range(len(self.ends)), [0, *self.ends], self.ends, strict=False)

    def _tokens_of(self, ids: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """(number, which places hold its tokens, these tokens counted from its first), if there are any."""
        for index, start, end in self._clusters():
            places = ((ids >= start) & (ids < end)).nonzero().squeeze(1)
            if len(places):
                yield index, places, ids[places] - start


class AdaptiveEmbedding(_Clusters):
    """Token → vector of its cluster's width → projection to H, times √H.

    Args:
        n_token: V.
        d_embed: features of the first cluster; each further one has `div_val` times fewer.
        d_proj: H.
        cutoffs: where all clusters but the last end.
        div_val: 1 makes all clusters equally wide; then they are one table.
    """

    def __init__(self, n_token: int, d_embed: int, d_proj: int, cutoffs: Sequence[int], div_val: int = 1) -> None:
        super().__init__(n_token, cutoffs)
        self.d_proj = d_proj
        self.emb_layers = nn.ModuleList()
        self.emb_projs = nn.ParameterList()
        if div_val == 1:
            self.emb_layers.append(nn.Embedding(n_token, d_embed))
            if d_proj != d_embed:
                self.emb_projs.append(nn.Parameter(torch.empty(d_proj, d_embed)))
        else:
            for index, start, end in self._clusters():
                width = d_embed // div_val**index
                self.emb_layers.append(nn.Embedding(end - start, width))
                self.emb_projs.append(nn.Parameter(torch.empty(d_proj, width)))

    def forward(self, ids: Tensor) -> Tensor:
        """(…) → (…, H)"""
        if ids.numel() and (int(ids.max()) >= self.n_token or int(ids.min()) < 0):
            raise out_of_range(input_ids=(ids, self.n_token))
        if len(self.emb_layers) == 1:
            vectors = self.emb_layers[0](ids)
            if len(self.emb_projs):
                vectors = F.linear(vectors, self.emb_projs[0])
        else:
            flat = ids.flatten()
            vectors = self.emb_projs[0].new_zeros(len(flat), self.d_proj)
            for index, places, tokens in self._tokens_of(flat):
                vectors = vectors.index_copy(0, places, F.linear(self.emb_layers[index](tokens), self.emb_projs[index]))
            vectors = vectors.view(*ids.shape, self.d_proj)
        return cast(Tensor, vectors * self.d_proj**0.5)


class ProjectedAdaptiveLogSoftmax(_Clusters):
    """H → logarithms of probabilities. Its matrices are usually those of the embedding; see `tie_weights`."""

    reads_weights = True

    def __init__(self, n_token: int, d_embed: int, d_proj: int, cutoffs: Sequence[int], div_val: int = 1) -> None:
        super().__init__(n_token, cutoffs)
        if cutoffs:
            self.cluster_weight = nn.Parameter(torch.empty(len(cutoffs), d_embed))
            self.cluster_bias = nn.Parameter(torch.empty(len(cutoffs)))
        self.out_layers = nn.ModuleList()
        self.out_projs = nn.ParameterList()
        if div_val == 1:
            self.out_layers.append(nn.Linear(d_embed, n_token))
            if d_proj != d_embed:
                self.out_projs.extend(nn.Parameter(torch.empty(d_proj, d_embed)) for _ in self.ends)
        else:
            for index, start, end in self._clusters():
                width = d_embed // div_val**index
                self.out_layers.append(nn.Linear(width, end - start))
                self.out_projs.append(nn.Parameter(torch.empty(d_proj, width)))

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, H) → (…, V)"""
        head = self._scores(hidden, 0)
        parts = [head[..., : self.ends[0]]]
        for index in range(1, len(self.ends)):
            parts.append(self._of_cluster(head, index) + self._scores(hidden, index))
        return torch.cat(parts, -1)

    def losses(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """(T, H), (T,) → (T,) minus the logarithm of each label's probability; 0 where the label is -100."""
        counted = labels != -100
        wanted = labels.masked_fill(~counted, 0)
        if wanted.numel() and (int(wanted.max()) >= self.n_token or int(wanted.min()) < 0):
            raise out_of_range(labels=(wanted, self.n_token))
        head = self._scores(hidden, 0)
        losses = hidden.new_zeros(len(labels))
        for index, places, tokens in self._tokens_of(labels):
            scores = head[places]
            if index:  # the wide head is computed for all, the rare clusters only where they are wanted
                scores = self._of_cluster(scores, index) + self._scores(hidden[places], index)
            losses = losses.index_copy(0, places, -scores.gather(1, tokens[:, None]).squeeze(1))
        return losses

    def _scores(self, hidden: Tensor, index: int) -> Tensor:
        """Log-probabilities of a cluster's tokens; of the first one's, followed by those of the other clusters."""
        layer = cast(nn.Linear, self.out_layers[index if len(self.out_layers) > 1 else 0])
        weight: Tensor = layer.weight
        bias: Tensor = layer.bias
        if len(self.out_layers) < len(self.ends):  # one table for all clusters
            start = self.ends[index - 1] if index else 0
            weight, bias = weight[start : self.ends[index]], bias[start : self.ends[index]]
        if index == 0 and len(self.ends) > 1:
            weight, bias = torch.cat([weight, self.cluster_weight]), torch.cat([bias, self.cluster_bias])
        if len(self.out_projs):
            hidden = hidden @ self.out_projs[index]  # (…, E_i)
        return F.linear(hidden, weight, bias).log_softmax(-1)

    def _of_cluster(self, head: Tensor, index: int) -> Tensor:
        """(…, 1) the log-probability that a token is of this cluster."""
        place = self.ends[0] + index - 1
        return head[..., place : place + 1]
