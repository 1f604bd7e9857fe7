"""``keypoints``: the talk's second alternative to an autoencoder, local descriptors gathered into one code."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.device import in_unit
from lookalike.learn.opencv import opencv
from lookalike.learn.whitening import Block

WANTED_BY = "model='keypoints'"
"""Who needs OpenCV here."""
SMALLEST = 16
"""Pixels a side below which a descriptor's patch has nothing around it."""
STEP = 16
"""Pixels between the patches of the grid, which are described wherever they are."""
PATCH = 8.0
"""Diameter of a grid's keypoint; its descriptor looks at six times as many pixels a side."""
NUMBERS = 128 + 2
"""In a descriptor: the gradients of SIFT, and where in the picture it is."""
PLACE = 1.0
"""How much the place counts, from one side of the picture to the other; gradients have length 1."""
LEARNED = 200_000
"""Descriptors of which the words are learned, at most."""
ROUNDS = 15
"""Of Lloyd's algorithm."""
TRIALS = 6
"""Draws of which a word's start is the best."""
ITERATIONS = 6
"""Of the search for principal components."""
FEW = 128
"""Images described at once."""
SHRINKAGE = 1.0
"""Of the whitening: a code of few images has many directions that are mostly chance."""


class Keypoints(nn.Module):
    """Which local patterns an image has, how they differ from the usual ones, and where about they are.

    SIFT descriptors (Lowe, 2004) of the keypoints that are found, and of a regular grid, so that smooth pictures have
    some too; their square roots (Arandjelović & Zisserman, *Three things everyone should know to improve object
    retrieval*, 2012) with the place beside them (Sánchez et al., *Modeling the spatial layout of images beyond spatial
    pyramids*, 2012). The folder's most usual ones, the visual *words*, are found by k-means, and an image is described
    by the sums of what its descriptors differ from their words (Jégou et al., *VLAD*, 2010), square roots again, each
    word's of one length (Arandjelović & Zisserman, *All about VLAD*, 2013), reduced to principal components.

    Colours are not looked at. The seed changes nothing. A larger ``size`` finds more and finer keypoints,
    and takes proportionally longer by area; more ``words`` tell finer patterns apart, need a larger folder, and cost
    memory in proportion. MissingExtraError when OpenCV is not installed.
    """

    size: ClassVar[int] = 128
    words: Tensor
    mean: Tensor
    components: Tensor

    def __init__(self, *, dim: int = 128, size: int = 128, words: int = 64) -> None:
        super().__init__()
        if size < SMALLEST:
            raise ValueError(f"size={size} must be {SMALLEST} or more")
        if words < 1:
            raise ValueError(f"words={words} must be 1 or more")
        opencv(WANTED_BY)
        self.blocks = [Block(dim, shrinkage=SHRINKAGE)]
        self.register_buffer("words", torch.zeros(words, NUMBERS))
        self.register_buffer("mean", torch.zeros(words * NUMBERS))
        self.register_buffer("components", torch.zeros(dim, words * NUMBERS))

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Learns the words, then the components, of a sample uint8 (m, 3, s, s); components beyond m stay zero."""
        with torch.autocast(images.device.type, enabled=False):
            self.words.copy_(learn_words(_some_descriptors(images), len(self.words)))
            gathered = self._gather(images)  # (m, words · 130)
            self.mean.copy_(gathered.mean(0))
            found = _principal_directions(gathered.sub_(self.mean), len(self.components))
            self.components.zero_()[: len(found)] = found

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to codes (b, dim)."""
        with torch.autocast(images.device.type, enabled=False):
            codes: Tensor = (self._gather(images) - self.mean) @ self.components.T
        return codes

    def _gather(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) to vectors (b, words · 130) of length 1, before the components."""
        words = self.words.cpu()
        gathered = [gather(describe(few), words) for few in torch.split(images, FEW)]
        return torch.cat(gathered).to(images.device)


def describe(images: Tensor) -> list[Tensor]:
    """Descriptors (n, 130), on the processor, of images (b, 3, s, s), uint8 or floats; n differs, at least 1."""
    pixels = (in_unit(images).float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    cv2 = opencv(WANTED_BY)
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        described = threads.map(lambda image: _describe_one(cv2, image), pixels)
        return [torch.from_numpy(descriptors) for descriptors in described]


def gather(described: list[Tensor], words: Tensor) -> Tensor:
    """VLAD: what each image's descriptors (n, d) differ from their words (k, d) in sum; (b, k · d), of length 1.

    All images at once: one by one, two threads would wait for one another longer than they work.
    """
    descriptors = torch.cat(described)
    owners = torch.repeat_interleave(torch.tensor([len(descriptors) for descriptors in described]))
    nearest = _nearest(descriptors, words)
    differences = descriptors.new_zeros(len(described) * len(words), words.shape[1])
    differences.index_add_(0, owners * len(words) + nearest, descriptors - words[nearest])
    roots = (differences.sign() * differences.abs().sqrt()).view(len(described), *words.shape)
    return functional.normalize(functional.normalize(roots, dim=2).flatten(1))


def learn_words(descriptors: Tensor, n_words: int) -> Tensor:
    """Centres (n_words, d) of descriptors (n, d): k-means from a start by k-means++ (Arthur & Vassilvitskii, 2007).

    Always the same for the same descriptors. Words beyond the number of different ones repeat others.
    """
    words = _spread_out(descriptors, n_words)
    for _ in range(ROUNDS):
        sums, counts = torch.zeros_like(words), torch.zeros_like(words[:, :1])
        for some in torch.split(descriptors, 1 << 15):
            differences, members = _differences(some, words)
            sums += differences
            counts += members
        words = words + sums / counts.clamp(min=1)
    return words


def _spread_out(descriptors: Tensor, n_words: int) -> Tensor:
    """Of descriptors (n, d) some (n_words, d), each the best of a few drawn by their distance from those before."""
    generator = torch.Generator().manual_seed(0)
    lengths = descriptors.square().sum(1, keepdim=True)  # (n, 1)
    distances = torch.ones_like(lengths)
    chosen: list[Tensor] = []
    for number in range(n_words):
        drawn = torch.multinomial(distances[:, 0].cpu() + 1e-12, TRIALS, replacement=True, generator=generator)
        drawn = drawn.to(descriptors.device)
        squared = (lengths - 2 * descriptors @ descriptors[drawn].T + lengths[drawn].T).clamp(min=0)  # (n, trials)
        left = torch.minimum(distances, squared) if number else squared
        best = int(left.sum(0).argmin())
        distances = left[:, best : best + 1]
        chosen.append(descriptors[drawn[best]])
    return torch.stack(chosen)


def _differences(descriptors: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
    """By word, the sum (k, d) of what the descriptors (n, d) nearest to it differ from it, and their number (k, 1)."""
    members = functional.one_hot(_nearest(descriptors, words), len(words)).T.to(descriptors.dtype)  # (k, n)
    counts = members.sum(1, keepdim=True)
    return members @ descriptors - counts * words, counts


def _nearest(descriptors: Tensor, words: Tensor) -> Tensor:
    """Numbers (n,) of the words (k, d) nearest to descriptors (n, d)."""
    return (descriptors @ words.T - 0.5 * words.square().sum(1)).argmax(1)


def _describe_one(cv2: Any, image: np.ndarray) -> np.ndarray:
    """Descriptors float32 (n, 130) of one image uint8 (s, s, 3)."""
    side, sift = len(image), cv2.SIFT_create()
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    centres = np.arange(STEP / 2, side, STEP)
    grid = [cv2.KeyPoint(float(x), float(y), PATCH, 0.0) for y in centres for x in centres]
    keypoints, gradients = sift.compute(grey, [*sift.detect(grey), *grid])
    shares = gradients / np.maximum(gradients.sum(1, keepdims=True), 1e-12)
    places = np.array([keypoint.pt for keypoint in keypoints]) / side - 0.5
    return np.concatenate([np.sqrt(shares), PLACE * places], 1).astype(np.float32)


def _some_descriptors(images: Tensor) -> Tensor:
    """Descriptors (≤ LEARNED, 130) of images drawn from the sample, always the same."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).to(images.device)
    found: list[Tensor] = []
    for rows in torch.split(order, FEW):
        found += describe(images[rows])
        if sum(map(len, found)) >= LEARNED:
            break
    return torch.cat(found)[:LEARNED].to(images.device)


def _principal_directions(centred: Tensor, most: int) -> Tensor:
    """The directions (≤ most, n) in which rows (m, n) vary most (Halko et al., 2011), always the same for the same."""
    rank = min(most + 16, *centred.shape)
    basis = torch.randn(centred.shape[1], rank, generator=torch.Generator().manual_seed(0)).to(centred.device)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis))[0]  # (n, rank)
    directions: Tensor = (torch.linalg.svd(centred @ basis, full_matrices=False)[2] @ basis.T)[:most]
    return directions * torch.sign(directions.gather(1, directions.abs().argmax(1, keepdim=True)))
