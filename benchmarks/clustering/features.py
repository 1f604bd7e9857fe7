"""Embeddings without learning, so that clustering can be judged before any model is trained."""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

Labelled = tuple[np.ndarray, np.ndarray]  # embeddings float32 (n, d), labels int64 (n,)


def clothing(data: Path, dim: int = 64) -> Labelled:
    """Histograms of oriented gradients (Dalal & Triggs 2005) of the clothing photos at 72×72, whitened by PCA."""
    folder = data / "clothing"
    files = sorted(folder.glob("*/*.*"))
    names = sorted({file.parent.name for file in files})
    labels = np.array([names.index(file.parent.name) for file in files])
    return whiten(np.stack([hog(grey(file, 72)) for file in files]), dim), labels


def fashion(data: Path, dim: int = 64, n: int = 10_000, seed: int = 0) -> Labelled:
    """Pixels of a random subset of Fashion-MNIST's training images, whitened by PCA."""
    folder = data / "fashion-mnist"
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28 * 28)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    chosen = np.random.default_rng(seed).permutation(len(pixels))[:n]
    return whiten(pixels[chosen] / np.float32(255), dim), labels[chosen]


def grey(file: Path, size: int) -> np.ndarray:
    """The picture squashed to size×size, float32 in 0..1."""
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image).convert("L").resize((size, size), Image.Resampling.BOX)
    return np.asarray(upright, np.float32) / 255


def hog(pixels: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Orientation histograms of cells, each normalised within its four blocks of 2×2 cells; float32 (n,)."""
    down, right = np.gradient(np.sqrt(pixels))
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) % np.pi / np.pi * bins
    low = np.floor(angle - 0.5)
    share = angle - 0.5 - low
    cells = len(pixels) // cell
    histograms = np.zeros((bins, cells, cells), np.float32)
    for bin_ in range(bins):
        weight = (1 - share) * (low % bins == bin_) + share * ((low + 1) % bins == bin_)
        histograms[bin_] = (weight * strength).reshape(cells, cell, cells, cell).sum(axis=(1, 3))
    blocks = np.stack(
        [histograms[:, y : y + cells - 1, x : x + cells - 1] for y in (0, 1) for x in (0, 1)]
    )  # (4, bins, cells-1, cells-1)
    norm = np.sqrt((blocks**2).sum(axis=(0, 1)) + 1e-4)
    return np.minimum(blocks / norm, 0.2).ravel()


def whiten(features: np.ndarray, dim: int) -> np.ndarray:
    """The first principal components, each brought to variance 1."""
    centred = features - features.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(centred, rowvar=False))
    keep = np.argsort(-variance)[:dim]
    return (centred @ axes[:, keep] / np.sqrt(variance[keep])).astype(np.float32)
