"""Which small patterns a picture is made of, and where about: patches compared with words learned from the folder.

Gradients say where edges run, patches say what they make together: corners, stripes, texture. K-means on whitened
patches is as good a first layer as any that was trained (Coates, Ng & Lee, *An analysis of single-layer networks in
unsupervised feature learning*, 2011). Lightness only: patches in colour tell backgrounds apart more than things.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.device import at_once, in_unit
from lookalike.learn.measures import FAINT, GRIDS, LOOKED_AT, SIDE, SURE, WORDS, looked_at

REGULAR = 0.1
"""Share of the mean variance that is added to each direction's before whitening: less brings out noise."""
ROUNDS = 10
"""Of k-means."""
LEARNED = 30_000
"""Patches of which words are learned."""
FROM = 1_000
"""Images whose patches these are."""
FEW = 8
"""Images described at once: what stays in the processor's cache."""


class Patches(nn.Module):
    """Images (b, 3, s, s) in [0, 1] to shares of words in cells, (b, n_features); the same when mirrored, if asked."""

    mean: Tensor
    matrix: Tensor
    words: Tensor

    def __init__(self, size: int, *, mirrored: bool) -> None:
        super().__init__()
        self.side, self.mirrored = looked_at(size), mirrored
        self.n_features = WORDS * sum(grid**2 for grid in GRIDS)
        self.register_buffer("mean", torch.zeros(SIDE**2))
        self.register_buffer("matrix", torch.zeros(SIDE**2, SIDE**2))
        self.register_buffer("words", torch.zeros(WORDS, SIDE**2))

    def prepare(self, images: Tensor) -> None:
        """Learns whitening and words of a sample (m, 3, s, s), uint8 or floats; the same sample gives the same."""
        generator = torch.Generator().manual_seed(0)
        some = images[_drawn(len(images), FROM, generator)]
        every = (self.side // LOOKED_AT[0]) ** 2  # as many patches of each, at whatever size
        few_by_few = torch.split(in_unit(some), FEW)
        patches = torch.cat([_evened(few, self.side)[:, ::every].flatten(0, 1) for few in few_by_few])
        patches = patches[_drawn(len(patches), LEARNED, generator)]
        if self.mirrored:  # makes whitening the same for a patch and its mirror image
            patches = torch.cat([patches, _flipped(patches)])
        self.mean.copy_(patches.mean(0))
        variances, directions = torch.linalg.eigh(torch.cov((patches - self.mean).T).double())
        spread = (variances.clamp(min=0) + REGULAR * variances.mean() + 1e-12).sqrt()
        self.matrix.copy_(directions / spread @ directions.T)
        white = functional.normalize((patches - self.mean) @ self.matrix, dim=1)
        self.words.copy_(_words(white, WORDS, generator))

    def forward(self, images: Tensor) -> Tensor:
        """Square roots of mean shares (Hellinger), of length 1."""
        words = torch.cat([self.words, _flipped(self.words)]) if self.mirrored else self.words
        pool = self._pool(images.device)
        parts = torch.split(images, at_once(images.device, FEW))
        described = torch.cat([self._pooled(few, words, pool) for few in parts])
        return functional.normalize(described.sqrt_(), dim=1)

    def _pooled(self, images: Tensor, words: Tensor, pool: Tensor) -> Tensor:
        """Mean shares of words in cells, those of mirrored words in mirrored cells added: (b, n_features)."""
        white = functional.normalize(_evened(images, self.side).sub_(self.mean) @ self.matrix, dim=2)
        means = pool @ (white @ words.T).sub_(SURE).relu_()  # (b, 2 · cells, words)
        cells = len(pool) // 2
        if self.mirrored:
            return (means[:, :cells, :WORDS] + means[:, cells:, WORDS:]).flatten(1)
        return means[:, :cells].flatten(1)

    def _pool(self, device: torch.device) -> Tensor:
        """Averages over the places of patches, (2 · cells, p²): the cells as they are, then mirrored."""
        places = torch.eye(self.side - SIDE + 1, device=device)[None]
        means = [functional.adaptive_avg_pool1d(places, grid)[0].T.contiguous() for grid in GRIDS]  # (grid, side)
        cells = [torch.kron(mean, mean) / len(mean) for mean in means]
        return torch.cat([*cells, *(torch.kron(mean, mean.flip(0)) / len(mean) for mean in means)])


def _evened(images: Tensor, side: int) -> Tensor:
    """Every patch of the lightness of shrunk pictures, its mean subtracted, divided by its contrast: (b, p², SIDE²)."""
    lightness = functional.adaptive_avg_pool2d(images.float().mean(1, keepdim=True), side)
    patches = functional.unfold(lightness, SIDE).transpose(1, 2).contiguous()
    patches = patches - patches.mean(2, keepdim=True)
    return patches / (patches.square().mean(2, keepdim=True) + FAINT**2).sqrt()


def _flipped(patches: Tensor) -> Tensor:
    """Patches (m, SIDE²) in the mirror."""
    return patches.view(-1, SIDE, SIDE).flip(-1).flatten(1)


def _words(white: Tensor, n_words: int, generator: torch.Generator) -> Tensor:
    """Spherical k-means of directions (m, d): (n_words, d), each of length 1 (0 when nothing is nearest to it)."""
    words = white[_drawn(len(white), n_words, generator)]
    words = torch.cat([words, words.new_zeros(n_words - len(words), words.shape[1])])
    for _ in range(ROUNDS):
        nearest = (white @ words.T).argmax(1)
        sums = torch.zeros_like(words).index_add_(0, nearest, white)
        words = functional.normalize(torch.where(sums.any(1, keepdim=True), sums, words), dim=1)
    return words


def _drawn(n: int, most: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=generator)[:most]
