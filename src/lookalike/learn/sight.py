"""Sight: the linear map of descriptors that agrees best between views of an image, and between neighbours.

The closed form of a Siamese network. Of all directions in which descriptors vary, keep those in which two views of one
image, or two images that are each other's nearest, differ least compared with two images drawn at random: linear
discriminant analysis (Fisher, 1936) in which each image, and each pair of neighbours, is a class of its own.

What agrees tells single things apart; kinds of things have more in common than that. So the *outline* stands beside it:
the directions in which fine gradients vary most, as they are. It counts where things are laid out alike, as garments or
digits are, and not where they are not, as in scenes and textures: see `Sight.built_alike`. There *motifs* count
instead: what the starter sees, wherever it is, or without it edges and tints, which are found around every place.

Colours tell fruit apart, and garments not at all: the palette counts by whether pictures that are neighbours without
the two descriptors of colours have colours in common, and for more beside motifs than without.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.dense import dense_colours, dense_gradients
from lookalike.learn.descriptor import colour_layout, oriented_gradients, palette
from lookalike.learn.device import at_once, in_parallel, in_unit
from lookalike.learn.measures import (
    COLOUR_CELLS,
    COMPONENTS,
    DENSE_CHANNELS,
    DEPTHS,
    OF_MOTIFS,
    PALETTE,
    TINT_CHANNELS,
)
from lookalike.learn.motifs import Motifs
from lookalike.learn.pairs import agreeing, kinship, mutual_neighbors, unit
from lookalike.learn.patches import Patches
from lookalike.learn.starter import Maps, Starter
from lookalike.learn.texture import N_TEXTURE, texture
from lookalike.learn.views import view

PARTS = {
    "fine": (512, 1.0),
    "coarse": (128, 0.7),
    "patches": (192, 1.1),
    "texture": (64, 0.7),
    "starter": (256, 1.6),
    "motifs": (COMPONENTS, 3.5),
    "enlarged": (COMPONENTS, 3.5),
    "edges": (COMPONENTS, 1.8),
    "tints": (COMPONENTS, 1.2),
    "colour": (96, 0.5),
    "palette": (64, 0.3),
}
"""Principal components kept of each descriptor, and its weight: gradients in 8x8 and 4x4 cells, words in cells, texture
of the whole picture, what the starter sees in cells, and wherever it is, in the picture and in it enlarged, mean
colours in cells, and the colours of the whole picture; where there is no starter, gradients and colours around every
place, wherever it is. These and motifs, which share one weight, have so much less of it as pictures are built alike."""
OF_STARTER = ("starter", *OF_MOTIFS)
FROM_SCRATCH = {"edges": DENSE_CHANNELS, "tints": TINT_CHANNELS}
"""Motifs of what is seen without a starter, and how many numbers that is."""
ANYWHERE = (*OF_MOTIFS, *FROM_SCRATCH)
IN_COLOUR = ("tints", "colour", "palette")
TELLING = (0.38, 0.86)
"""How alike neighbours that were found without `IN_COLOUR` are in their palettes, beside how alike the starter finds
them (without it: fine gradients): up to the first the palette has its usual weight, from the second on `HEAVIER`."""
HEAVIER = 5.0
"""Times its usual weight that the palette has where colours tell most."""
BESIDE_MOTIFS = 3.5
"""Times its weight that the palette has beside motifs that count in full, so that they do not drown it."""
BESIDE_EDGES = 1.5
"""Times their weights that the palette and tints have from scratch where colours tell most, beside edges that count in
full."""
COLOURLESS = 0.05
"""Share of pixels with a saturation of a quarter and more below which pictures are grey: their palettes are alike in
lightness, and that tells nothing about colours."""
OUTLINE = 64
"""Directions of the outline; fewer where there are fewer images, the rest stays zero."""
ALIKE = (0.88, 0.915)
"""How alike neighbours are in the outline, beside how alike the starter finds them: up to the first share the outline
does not count and motifs do in full, from the second on the outline counts in full and motifs do not."""
ALIKE_FROM_SCRATCH = (1.0, 1.04)
"""The same without a starter, beside the geometric mean of coarse gradients and patches."""
JUDGED = (*IN_COLOUR, *ANYWHERE)
"""What is asked about; neighbours that tell whether it counts are found without it."""
ROUNDS = 3
"""Times that neighbours are looked for, from the second on in the directions that the time before found."""
FEWEST, FEWEST_FROM_SCRATCH = 100, 300
"""Images of which it is asked, at least, whether they are built alike and whether colours tell: of fewer, neighbours
are hardly more alike than any two, and the answer is noise. Without the starter it takes more to tell the former."""
UNTOLD, OF_FEW = 0.77, 0.4
"""How much images count as built alike that are too few to ask, without and with the starter."""
NEAREST = (3, 10)
"""Images are neighbours when each is among so many nearest of the other: one for each `PER_NEIGHBOR`, within these."""
PER_NEIGHBOR, ENOUGH = 40, 800
"""Images for each neighbour that is looked for; images from which on neighbours have their whole weight. Of fewer it
grows with their square root: the nearest is seldom of a kind then."""
HALF = 16
"""Directions are at most half as many as images, where that is more than so many; more tell versions of one picture as
far apart as others."""
VIEWED, VIEWS, MOST_VIEWS = 2_000, 400, 8
"""Images of which views are compared, at most: more take longer, and tell hardly more. Of fewer images there are as
many views of each as make so many together or a few more, but the last at most."""
ROUNDING = 1e-5
"""Spread of a descriptor beside its size up to which it is rounding, as of pictures that are all the same: it is left
out, for scaled to its weight it would tell apart what is not."""
SOME = 512
"""Views that are made before they are described, so that every core has some to describe."""
FEW, FEWER = 32, 4
"""Images described at once, and enlarged ones: what stays in the processor's cache."""


class Sight(nn.Module):
    """Images (b, 3, s, s) to (b, dim + OUTLINE), fixed once it has been prepared on a sample of the folder.

    With ``flip`` in ``ignore`` mirrored images give the same, with ``color`` colours are not looked at; all of
    ``ignore`` sets the views that have to agree. ``neighbors`` weighs pairs of neighbours against pairs of views; of
    fewer images than `ENOUGH` it counts for less. Without ``starter`` it knows nothing that is not found in the folder;
    with it, ``enlarged`` has it look for motifs in enlarged images, too. ``built_alike`` is what share of its weight
    the outline deserves, 0 to 1, and motifs do not; of too few images to tell `OF_FEW`, or from scratch `UNTOLD`.
    """

    mean: Tensor
    matrix: Tensor
    built_alike: Tensor

    def __init__(
        self,
        dim: int,
        size: int,
        ignore: Collection[str],
        neighbors: float,
        *,
        starter: bool = True,
        enlarged: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.ignore, self.neighbors = size, ignore, neighbors
        without = (IN_COLOUR if "color" in ignore else ()) + (tuple(FROM_SCRATCH) if starter else OF_STARTER)
        without += () if enlarged else ("enlarged",)
        self.parts = {name: part for name, part in PARTS.items() if name not in without}
        self.patches = Patches(size, mirrored="flip" in ignore)
        self.starter = Starter(mirrored="flip" in ignore) if starter else None
        channels = dict.fromkeys(OF_MOTIFS, DEPTHS) | FROM_SCRATCH
        self.motifs = nn.ModuleDict({name: Motifs(channels[name]) for name in ANYWHERE if name in self.parts})
        self.register_buffer("mean", torch.zeros(sum(self._lengths())))
        self.register_buffer("matrix", torch.zeros(sum(self._lengths()), dim + OUTLINE))
        self.register_buffer("built_alike", torch.tensor(UNTOLD))
        self.dim = dim

    def forward(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to (b, dim + OUTLINE): the directions that agree best, then the outline."""
        with torch.autocast(images.device.type, enabled=False):
            result: Tensor = (self._describe(images.float()) - self.mean) @ self.matrix
        return result

    @torch.no_grad()
    def prepare(self, images: Tensor, each: int = 0, told: Callable[[int, int], None] | None = None) -> Tensor | None:
        """Finds the map from a sample (m, 3, s, s), uint8 or floats; what m images do not span stays zero.

        Asked to look at so many of them ``each`` time, it gives what it sees of all of them: to the last bit what
        `forward` would, which then need not look again; that holds what describes them, 37 KB each, in memory.
        ``told`` hears how many of how many have been described, views among them.
        """
        few = len(images) < FEWEST
        self.built_alike.fill_(OF_FEW if few and self.starter else UNTOLD)
        self.patches.prepare(images)
        if self.starter:
            self.starter.prepare()
        for name, motifs in self.motifs.items():
            assert isinstance(motifs, Motifs)
            motifs.prepare(images, partial(self._maps, of=name), FEWER if name == "enlarged" else FEW)
        viewed, twice = _viewed(len(images)), 2 if self.motifs else 1
        done = _counted(told, len(images) + len(viewed) * twice)
        described = self._describe(images, done)  # (m, n)
        coloured = "palette" in self.parts and float(_saturated(described[:, -prod(PALETTE) :])) >= COLOURLESS
        self.mean.copy_(described.mean(0))
        described -= self.mean
        reduction = self._components(described)  # (n, k)
        points = described @ reduction
        centred = described if each else None
        del described  # unless all of it is wanted: the largest of all that is in memory here
        changes = self._changes(images, points, reduction, viewed, done)
        outline = reduction[:, : min(OUTLINE, most_directions(len(images)))]  # fine gradients come first
        weights = self._weights(points, changes, coloured)
        counts = weights > 0
        points *= weights
        changes *= weights
        directions, *_ = self._directions(points, changes, counts)
        self.matrix.zero_()[:, : directions.shape[1]] = (reduction * weights)[:, counts] @ directions
        self.matrix[:, self.dim : self.dim + outline.shape[1]] = outline
        return None if centred is None else torch.cat([some @ self.matrix for some in torch.split(centred, each)])

    def _directions(self, points: Tensor, changes: Tensor, of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Directions (k, dim) that agree, and the pairs of neighbours found for it: of the columns ``of`` of points
        (m, ·), and of how some change from one view to another (v, ·).

        How motifs change is looked at for itself, as if it had nothing to do with how the rest does: so directions do
        not play the one against the other, which holds for views and not for kinds.
        """
        changed, own = unit(changes[:, of]), self._columns(ANYWHERE, len(points))[of]
        views, points = [changed * ~own, changed * own], points[:, of]
        weight = self.neighbors * min(1.0, len(points) / ENOUGH) ** 0.5
        nearest = min(max(len(points) // PER_NEIGHBOR, NEAREST[0]), NEAREST[1])
        directions = torch.eye(points.shape[1], device=points.device)
        for _ in range(ROUNDS if weight else 1):
            first, second = mutual_neighbors(functional.normalize(points @ directions), nearest)
            neighbors = weight * unit(points[first] - points[second])
            directions = agreeing(points, [*views, neighbors])[:, : min(self.dim, most_directions(len(points)))]
        return directions, first, second

    def _columns(self, names: Collection[str], n_images: int) -> Tensor:
        """Which of the components (k,) are of these descriptors."""
        ranks = zip(self.parts, self._ranks(n_images), strict=True)
        return torch.cat([torch.full((rank,), name in names, device=self.mean.device) for name, rank in ranks])

    def _weights(self, points: Tensor, changes: Tensor, coloured: bool) -> Tensor:
        """What each of the components (k,) is multiplied by: those of motifs by how little the pictures are built
        alike, which is noted, those of the palette by whether colours tell, and by how much motifs count."""
        ranks = dict(zip(self.parts, self._ranks(len(points)), strict=True))
        factors, telling = dict.fromkeys(ranks, 1.0), 0.0
        tells = len(points) >= (FEWEST if self.starter else FEWEST_FROM_SCRATCH)
        if tells or (coloured and len(points) >= FEWEST):
            _, *pairs = self._directions(points, changes, ~self._columns(JUDGED, len(points)))
            if tells:
                judges = (["starter"], ALIKE) if self.starter else (["coarse", "patches"], ALIKE_FROM_SCRATCH)
                share = self._share("fine", *judges, points, *pairs)
                self.built_alike.copy_(torch.nan_to_num(share, nan=UNTOLD))
            if coloured:
                share = self._share("palette", ["starter" if self.starter else "fine"], TELLING, points, *pairs)
                telling = float(torch.nan_to_num(share))
                factors["palette"] += telling * (HEAVIER - 1)
        sought = 1 - float(self.built_alike)
        factors |= dict.fromkeys(self.motifs, sought / (len(self.motifs) ** 0.5 if self.starter else 1))
        if coloured:
            factors["palette"] *= 1 + sought * (BESIDE_MOTIFS - 1 if self.starter else telling * (BESIDE_EDGES - 1))
        if coloured and not self.starter:
            factors["tints"] *= 1 + telling * (BESIDE_EDGES - 1)
        return torch.cat([points.new_full((rank,), factors[name]) for name, rank in ranks.items()])

    def _share(
        self,
        part: str,
        judges: Sequence[str],
        bounds: tuple[float, float],
        points: Tensor,
        first: Tensor,
        second: Tensor,
    ) -> Tensor:
        """How alike pairs are in a descriptor beside how alike others find them, in their geometric mean, 0 to 1 from
        the first bound to the second; nan when no pair is each other's nearest, or nothing varies."""
        parts = dict(zip(self.parts, torch.split(points, self._ranks(len(points)), 1), strict=True))
        alike, *judged = (kinship(parts[name][:, :OUTLINE], first, second) for name in (part, *judges))
        mean = torch.stack([one.clamp(min=1e-6) for one in judged]).log().mean().exp()
        least, most = bounds
        return ((alike / mean - least) / (most - least)).clamp(0, 1)

    def _changes(
        self, images: Tensor, points: Tensor, reduction: Tensor, viewed: Tensor, done: Callable[[int], None] | None
    ) -> Tensor:
        """How points (m, k) of the images ``viewed`` (v,) change from one view to another, (v, k).

        From the image to a view, but for motifs from one view to another: views are a little blurred, and were the
        one of the two sharp, it would seem that detail is what views differ by, which motifs live on.
        """
        own, changes = self._columns(ANYWHERE, len(points)), []
        for some in torch.split(viewed, SOME):
            first, before = self._seen_anew(images[some], done) @ reduction, points[some]
            if own.any():
                before = torch.where(own, self._seen_anew(images[some], done) @ reduction, before)
            changes.append(first - before)
        return torch.cat(changes)

    def _seen_anew(self, images: Tensor, done: Callable[[int], None] | None) -> Tensor:
        """The descriptors, centred, of a view of each image, (b, n)."""
        views = torch.cat([view(in_unit(few), self.ignore) for few in torch.split(images, FEW)])
        return self._describe(views, done) - self.mean

    def _lengths(self) -> list[int]:
        lengths = {
            "fine": 72 * 7**2,
            "coarse": 72 * 3**2,
            "patches": self.patches.n_features,
            "texture": N_TEXTURE,
            "starter": Starter.n_features,
            "motifs": Motifs.n_features,
            "enlarged": Motifs.n_features,
            "edges": Motifs.n_features,
            "tints": Motifs.n_features,
            "colour": 3 * COLOUR_CELLS**2,
            "palette": prod(PALETTE),
        }
        return [lengths[name] for name in self.parts]

    def _ranks(self, n_images: int) -> list[int]:
        """Components that are kept of each descriptor of so many images."""
        of_parts = zip(self.parts.values(), self._lengths(), strict=True)
        return [min(most, length, n_images) for (most, _), length in of_parts]

    def _describe(self, images: Tensor, done: Callable[[int], None] | None = None) -> Tensor:
        """Images (b, 3, s, s) to their descriptors side by side, (b, n); ``done`` hears of how many, as they end."""
        return in_parallel(self._describe_few, images, FEW, done)

    def _describe_few(self, few: Tensor) -> Tensor:
        few, mirrored = in_unit(few), "flip" in self.ignore
        parts = [oriented_gradients(few, self.size // 8, self.size // 4, mirrored=mirrored)]
        parts += [self.patches(few), texture(few, mirrored=mirrored)]
        seen = self._maps(few, "motifs") if self.starter else None
        if self.starter and seen:
            parts.append(self.starter.cells(seen))
        for name, motifs in self.motifs.items():
            if self.built_alike >= 1:  # then they have no weight
                parts.append(few.new_zeros(len(few), Motifs.n_features))
            elif name == "motifs" and seen:
                parts.append(motifs(seen))
            else:
                fewer = torch.split(few, at_once(few.device, FEWER if name == "enlarged" else FEW))
                parts.append(torch.cat([motifs(self._maps(images, name)) for images in fewer]))
        if "colour" in self.parts:
            parts += [colour_layout(few, COLOUR_CELLS, mirrored=mirrored), palette(few)]
        return torch.cat(parts, 1)

    def _maps(self, few: Tensor, of: str) -> Maps:
        """What is to be seen of images (b, 3, s, s), uint8 or floats, by the starter, in them or in them enlarged, of
        grey ones where colours do not count; without it, of gradients or colours."""
        few, mirrored = in_unit(few), "flip" in self.ignore
        if self.starter:
            seen = few if "colour" in self.parts else few.mean(1, keepdim=True).expand_as(few)
            return self.starter.maps(seen, OF_MOTIFS[of])
        return (dense_gradients if of == "edges" else dense_colours)(few, mirrored=mirrored)

    def _components(self, centred: Tensor) -> Tensor:
        """Each descriptor's principal components, scaled to its weight, side by side: (n, k). Zeros for what does not
        vary."""
        blocks, ranks, lengths = [], self._ranks(len(centred)), self._lengths()
        split = torch.split(centred, lengths, 1), torch.split(self.mean, lengths)
        for part, mean, (_, weight), rank in zip(*split, self.parts.values(), ranks, strict=True):
            directions = torch.svd_lowrank(part, rank, niter=4)[2]  # (length, rank)
            size = (part @ directions).square().sum(1).mean().sqrt()
            varies = size > ROUNDING * mean.norm()
            blocks.append(directions * varies * weight / (size + 1e-12))
        joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
        return joined


def _counted(told: Callable[[int, int], None] | None, total: int) -> Callable[[int], None] | None:
    """What hears of how many more are done, and tells of how many there are so far."""
    if told is None:
        return None
    so_far = 0

    def done(more: int) -> None:
        nonlocal so_far
        so_far += more
        told(so_far, total)

    return done


def _viewed(n_images: int) -> Tensor:
    """Which of so many images views are made of, (v,), each as often as there are to be views of it."""
    chosen = torch.randperm(n_images, generator=torch.Generator().manual_seed(0))[:VIEWED]
    return chosen.repeat(min(MOST_VIEWS, -(-VIEWS // len(chosen))))


def most_directions(n_images: int) -> int:
    """How many directions so many images give, at most."""
    return max(n_images // 2, min(n_images, HALF))


def _saturated(palettes: Tensor) -> Tensor:
    """The share of pixels whose saturation is a quarter or more, of palettes (m, 16 · 4 · 4)."""
    shares = palettes.square().view(len(palettes), *PALETTE)
    return shares[:, :, 1:].sum((1, 2, 3)).mean()
