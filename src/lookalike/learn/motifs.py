"""Which small things a picture is made of, wherever they are: what the starter sees at each place, beside words of it.

Cells say what is where; of scenes, textures, animals in the wild that says little, for a thing may be anywhere. So what
the starter sees at every place, or from scratch gradients and colours (`dense`), is compared with the *words* that are
usual in the folder, and how it differs from them is summed over the picture: VLAD (Jégou et al., 2010), of a network's
features (Gong et al., 2014), softly assigned (Arandjelović et al., *NetVLAD*, 2016). Of the starter, edges and corners
after four layers, parts of things after seven; smaller ones of the enlarged picture, which `Sight` has looked at, too.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.device import in_parallel
from lookalike.learn.measures import COMPONENTS, DEPTHS, DIRECTIONS, MOTIFS, SOFT
from lookalike.learn.starter import Maps

FROM, EACH = 600, 50
"""Images that words are learned from, and places of each, the same of all that are looked at at once."""
SUMMED = 2_000
"""Images that components are learned from."""
FEW = 32
"""Images looked at at once, where nobody says how many."""
ROUNDS = 15
"""Of k-means."""


class Motifs(nn.Module):
    """What is seen at every place, `starter.Maps`, to (b, COMPONENTS), the mean over the ways it is looked at.

    Of every depth, of so many channels as ``depths`` says, the features of the places are reduced to their
    ``DIRECTIONS`` widest directions, or fewer where there are fewer. What they differ by
    from the ``MOTIFS`` words, shared out softly, is summed for each word and made equally long, and of each number the
    square root is taken, so that what is there often does not count for all (Arandjelović & Zisserman, 2013). All of
    them, of length 1 for every depth, are reduced to principal components; where there are fewer, the rest stays zero.
    """

    n_features = COMPONENTS
    components: Tensor

    def __init__(self, depths: Sequence[int] = DEPTHS) -> None:
        super().__init__()
        self.depths = depths
        directions = [min(channels, DIRECTIONS) for channels in depths]
        for number, (channels, kept) in enumerate(zip(depths, directions, strict=True)):
            self.register_buffer(f"mean{number}", torch.zeros(channels))
            self.register_buffer(f"matrix{number}", torch.zeros(channels, kept))
            self.register_buffer(f"words{number}", torch.zeros(MOTIFS, kept))
            self.register_buffer(f"spread{number}", torch.ones(()))
        self.register_buffer("components", torch.zeros(MOTIFS * sum(directions), COMPONENTS))

    def prepare(self, images: Tensor, see: Callable[[Tensor], Maps], at_once: int = FEW) -> None:
        """Learns directions, words and components of a sample (m, 3, s, s), of which ``see`` gives the maps, and each
        core looks at so many at once."""
        generator = torch.Generator().manual_seed(0)
        some = images[torch.randperm(len(images), generator=generator)[:SUMMED]]
        seen: list[list[Tensor]] = [[] for _ in self.depths]
        for few in torch.split(some[:FROM], FEW):
            for kept, features in zip(seen, see(few)[0], strict=True):
                places = torch.randperm(features[0, 0].numel(), generator=generator)[:EACH]
                kept.append(features.flatten(2)[:, :, places].transpose(1, 2).flatten(0, 1))
        for number, kept in enumerate(seen):
            features = torch.cat(kept)
            mean = features.mean(0)
            matrix = torch.linalg.eigh(torch.cov((features - mean).T, correction=0).double())[1].flip(1)
            largest = matrix.gather(0, matrix.abs().argmax(0, keepdim=True))
            matrix = (matrix * torch.where(largest < 0, -1.0, 1.0))[:, :DIRECTIONS].float()
            points = (features - mean) @ matrix
            learned = (mean, matrix, _words(points, generator), points.square().mean().clamp(min=1e-9))
            for name, value in zip(("mean", "matrix", "words", "spread"), learned, strict=True):
                self.get_buffer(f"{name}{number}").copy_(value)
        sums = in_parallel(lambda few: self._sums(see(few)), some, at_once)
        components = torch.svd_lowrank(sums - sums.mean(0), min(COMPONENTS, len(some)), niter=4)[2]
        self.components.zero_()[:, : components.shape[1]] = components

    def forward(self, seen: Maps) -> Tensor:
        """Maps of b images to (b, COMPONENTS)."""
        return self._sums(seen) @ self.components

    def _sums(self, seen: Maps) -> Tensor:
        ways = [torch.cat([self._summed(features, depth) for depth, features in enumerate(way)], 1) for way in seen]
        return torch.stack(ways).mean(0)

    def _summed(self, features: Tensor, depth: int) -> Tensor:
        """Features (b, c, h, w) of a depth to (b, MOTIFS · directions), of length 1."""
        mean, matrix, words, spread = (
            self.get_buffer(f"{name}{depth}") for name in ("mean", "matrix", "words", "spread")
        )
        points = (features.flatten(2).transpose(1, 2) - mean) @ matrix  # (b, p, directions)
        nearness = 2 * points @ words.T - words.square().sum(1)  # and a number that is the same for all words
        shares = torch.softmax(nearness / (SOFT * matrix.shape[1] * spread), 2).transpose(1, 2)  # (b, MOTIFS, p)
        differences = shares @ points - shares.sum(2, keepdim=True) * words
        differences = functional.normalize(differences, dim=2).flatten(1)
        return functional.normalize(differences.sign() * differences.abs().sqrt(), dim=1)


def _words(points: Tensor, generator: torch.Generator) -> Tensor:
    """K-means of points (m, d): (MOTIFS, d); where nothing is nearest to one it stays where it was drawn, or at 0."""
    words = points[torch.randperm(len(points), generator=generator)[:MOTIFS]]
    words = torch.cat([words, words.new_zeros(MOTIFS - len(words), words.shape[1])])
    for _ in range(ROUNDS):
        nearest = (points @ words.T - words.square().sum(1) / 2).argmax(1)
        sums = torch.zeros_like(words).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=MOTIFS)[:, None]
        words = torch.where(counts > 0, sums / counts.clamp(min=1), words)
    return words
