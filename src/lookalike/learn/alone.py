"""A few pictures encoded without PyTorch, which takes longer to load than a search takes.

What `Siamese.encode` and `VariationalAutoencoder.encode` do to a batch, done to one picture with NumPy: in hundredths
of a second, and without the second and a half before it. Everything is learned, and every folder encoded, by the
networks themselves; a test holds the two together.
"""

import json
from collections.abc import Mapping
from functools import cache
from math import cos, isqrt, pi, prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lookalike.learn import hub
from lookalike.learn.measures import (
    BINS,
    CLIP,
    COLOUR_CELLS,
    CONVOLUTIONS,
    DENSE,
    DENSE_BINS,
    DENSE_COLOURS,
    DIM,
    FAINT,
    FLOOR,
    GRIDS,
    LEARNED,
    LEVELS,
    OF_MOTIFS,
    ORIENTATIONS,
    PALE,
    PALETTE,
    SEEN,
    SIDE,
    SOFT,
    STARTER_CELLS,
    SURE,
    TINTED,
    TOGETHER,
    UNSEEN,
    Window,
    in_the_mirror,
    looked_at,
    quadrature,
)
from lookalike.learn.model import bounded, refuse_outdated
from lookalike.learn.whitening import Whitening

FEW = 32
"""Queries at once; many more are faster by the network, the loading of PyTorch included."""
SIZES = (32, 48, 64, 128)
"""Pixels a side; what sees more is a network's work."""
MOST = 32 << 20
"""Numbers that are read; a model with more is a network's work, and one of ours has fewer."""
NEEDED = ("network.encoder.", "network.heads.", "network.sight.", "whitening.")
"""How the names of the tensors begin that encoding needs."""
SEES = ("siamese-vae", "siamese")
"""Models whose code begins with the sight."""
KNOWN = (*SEES, "vae")
"""Models that can be followed here."""

Weights = Mapping[str, np.ndarray]
_LIMITED = Lock()


class Alone:
    """The encoder of a model on disk, without its network; see `encoder_alone`."""

    def __init__(self, name: str, settings: dict[str, Any], weights: Weights, whitening: Whitening) -> None:
        self.name, self.settings, self.weights, self.whitening = name, settings, weights, whitening

    @property
    def size(self) -> int:
        """Pixels a side of the images that ``encode`` wants."""
        return int(self.settings["size"])

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 (m, s, s, 3) to embeddings float32 (m, dim), as `Trained.encode` gives them in 32 bits.

        On one thread: products so small gain little by more, and wait for them long where other programs run.
        """
        from threadpoolctl import threadpool_limits

        floats = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
        with _LIMITED, threadpool_limits(1, user_api="blas"):  # the number of threads is the whole process's
            return self.whitening.apply(np.stack([self._code(image) for image in floats]))

    def _code(self, image: np.ndarray) -> np.ndarray:
        """An image (3, s, s) in [0, 1] to its code (n,)."""
        weights = self.weights
        learned = _averaged(image, LEARNED) if self.name in SEES and image.shape[-1] > LEARNED else image
        features = _features(2 * learned - 1, weights)
        both = weights["heads.weight"] @ features + weights["heads.bias"]
        mean = both[: len(both) // 2]
        return np.concatenate([self._sight(image), mean]) if self.name in SEES else mean

    def _sight(self, image: np.ndarray) -> np.ndarray:
        mirrored, in_colour = "flip" in self.settings["ignore"], "color" not in self.settings["ignore"]
        shares = _shares(image, BINS)
        parts = [_blocks(shares, cell, mirrored) for cell in (self.size // 8, self.size // 4)]
        parts += [_patches(image, self.weights, mirrored), _texture(image, mirrored)]
        if "sight.starter.bias0" in self.weights:
            seen = image if in_colour else np.broadcast_to(image.mean(0), image.shape)
            parts += _started(seen, self.weights, mirrored)
        else:
            parts += _dense(image, self.weights, mirrored, in_colour)
        parts += [_colours(image, mirrored), _palette(image)] if in_colour else []
        found: np.ndarray = (np.concatenate(parts) - self.weights["sight.mean"]) @ self.weights["sight.matrix"]
        return found


def encoder_alone(folder: Path) -> Alone | None:
    """The encoder of the model that `Trained.save` wrote there; None where the network itself has to be loaded.

    That is for models that are not followed here, and when the folder holds no usable model, which loading will tell.
    """
    from safetensors import SafetensorError, safe_open

    unusable: tuple[type[Exception], ...] = (*hub.ODD, SafetensorError)
    try:
        document = json.loads(bounded(folder / "model.json"))
        name, settings = document["name"], document["settings"]
        if name not in KNOWN or settings["size"] not in SIZES:
            return None
        refuse_outdated(document)
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            needed = [of for of in file.keys() if of.startswith(NEEDED)]  # noqa: SIM118
            if sum(prod(file.get_slice(of).get_shape()) for of in needed) > MOST:
                return None
            arrays = {of.removeprefix("network."): file.get_tensor(of) for of in needed}
        whitening = Whitening.from_arrays(arrays)
        if whitening.rotation.shape[1] != settings["dim"] or not all(np.isfinite(of).all() for of in arrays.values()):
            return None
        alone = Alone(name, settings, arrays, whitening)
        alone.encode(np.zeros((1, alone.size, alone.size, 3), np.uint8))  # fails where shapes do not fit
    except unusable:
        return None
    return alone


def _features(image: np.ndarray, weights: Weights) -> np.ndarray:
    """What `nets.Encoder` makes of an image (3, s, s): its features (n,)."""
    x = image
    for layer in range(7):
        name = f"encoder.layers.{layer}"
        if f"{name}.first.0.weight" in weights:
            first = _convolution(x, weights, f"{name}.first", stride=1).clip(0)
            x = (x + _convolution(first, weights, f"{name}.second", stride=1)).clip(0)
        else:
            x = _convolution(x, weights, name, stride=2).clip(0)
    cells = min(image.shape[-1], 64) // 16
    return _averaged(x, cells).ravel()


def _convolution(x: np.ndarray, weights: Weights, name: str, *, stride: int) -> np.ndarray:
    """3x3 convolution and batch normalisation of x (c, h, w)."""
    at = f"{name}.1"
    scale = weights[f"{at}.weight"] / np.sqrt(weights[f"{at}.running_var"] + 1e-5)
    shift = weights[f"{at}.bias"] - weights[f"{at}.running_mean"] * scale
    return _convolved(x, scale[:, None, None, None] * weights[f"{name}.0.weight"], shift, stride)


def _convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """3x3 convolution of x (c, h, w) with a kernel (channels, c, 3, 3)."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))[:, ::stride, ::stride]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(kernel[0].size, -1)
    made: np.ndarray = kernel.reshape(len(kernel), -1) @ columns + bias[:, None]
    return made.reshape(len(kernel), *windows.shape[1:3])


def _shares(image: np.ndarray, bins: int) -> np.ndarray:
    """`descriptor._shares` of the strongest gradients of an image (3, s, s): (bins, s, s)."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    strength = across**2 + down**2
    strongest = strength.argmax(0)[None]
    across, down, strength = (np.take_along_axis(of, strongest, 0)[0] for of in (across, down, strength))
    angles = np.arange(bins, dtype=np.float32) * np.float32(2 * pi / bins)
    reach = np.float32(cos(2 * pi / bins))
    weights = np.stack([np.cos(angles), np.sin(angles), np.full_like(angles, -reach)], 1) / (1 - reach)
    gradients = np.stack([across.ravel(), down.ravel(), np.sqrt(strength + np.float32(1e-12)).ravel()])
    shares: np.ndarray = (weights @ gradients).clip(0)
    return shares.reshape(bins, *image.shape[1:])


def _blocks(shares: np.ndarray, cell: int, mirrored: bool) -> np.ndarray:
    """`descriptor.oriented_gradients` of shares (bins, s, s), for one size of cells: (blocks² · 4 · 18,)."""
    side = shares.shape[-1]
    centres = (np.arange(side // cell, dtype=np.float32) + 0.5) * cell
    distances = np.abs(np.arange(side, dtype=np.float32)[:, None] + 0.5 - centres)
    tents = (1 - distances / cell).clip(0) / cell  # (s, s/cell)
    histograms = tents.T @ (shares @ tents)
    blocks = _normalised_blocks(histograms)
    if mirrored:
        blocks = (blocks + _normalised_blocks(_in_the_mirror(histograms))) / 2
    return blocks


def _in_the_mirror(histograms: np.ndarray) -> np.ndarray:
    bins = len(histograms)
    return histograms[(bins // 2 - np.arange(bins)) % bins, :, ::-1]


def _normalised_blocks(histograms: np.ndarray) -> np.ndarray:
    end = histograms.shape[-1] - 1
    blocks = np.stack([histograms[:, i : end + i, j : end + j] for i in (0, 1) for j in (0, 1)])
    blocks = np.minimum(blocks / (np.sqrt((blocks**2).sum((0, 1))) + FLOOR), CLIP)
    normalised: np.ndarray = blocks / (np.sqrt((blocks**2).sum((0, 1))) + 1e-3)
    return normalised.ravel()


def _patches(image: np.ndarray, weights: Weights, mirrored: bool) -> np.ndarray:
    """What `patches.Patches` gives of an image (3, s, s): (n_features,)."""
    lightness = _averaged(image.mean(0), looked_at(image.shape[-1]))
    patches = sliding_window_view(lightness, (SIDE, SIDE)).reshape(-1, SIDE**2)
    patches = patches - patches.mean(1, keepdims=True)
    patches = patches / np.sqrt((patches**2).mean(1, keepdims=True) + np.float32(FAINT**2))
    white = (patches - weights["sight.patches.mean"]) @ weights["sight.patches.matrix"]
    white = white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-12)
    words = weights["sight.patches.words"]
    described = _in_cells(white @ words.T)
    if mirrored:
        turned = words.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(words.shape)
        described = described + _in_cells(white @ turned.T, mirrored=True)
    return _unit(np.sqrt(described))


def _in_cells(cosines: np.ndarray, *, mirrored: bool = False) -> np.ndarray:
    """Mean shares of words, by the cosines (p², words) of patches with them, in cells: (n_features,)."""
    side = isqrt(len(cosines))
    shares = (cosines - np.float32(SURE)).clip(0).T.reshape(-1, side, side)
    shares = shares[:, :, ::-1] if mirrored else shares
    cells = [_averaged(shares, grid).reshape(len(shares), -1) / grid for grid in GRIDS]
    return np.concatenate(cells, 1).T.ravel()


def _texture(image: np.ndarray, mirrored: bool) -> np.ndarray:
    """What `texture.texture` gives of an image (3, s, s): (189,)."""
    bands = _bands(image)
    means, spreads = bands.mean(1), bands.std(1)
    even = (bands - means[:, None]) / (spreads + np.float32(1e-3))[:, None]
    together = even @ even.T / bands.shape[1]
    if mirrored:
        turned = in_the_mirror()
        means, spreads = (means + means[turned]) / 2, (spreads + spreads[turned]) / 2
        together = (together + together[turned][:, turned]) / 2
    return np.concatenate([means, spreads, np.float32(TOGETHER) * together[np.triu_indices(len(bands), 1)]])


def _bands(image: np.ndarray) -> np.ndarray:
    """Log energies of an image (3, s, s), (18, cells²)."""
    level, filters = image.mean(0), quadrature()
    cells, reach = image.shape[-1] >> LEVELS - 1, filters.shape[-1] // 2
    found = []
    for _ in range(LEVELS):
        windows = sliding_window_view(np.pad(level, reach, mode="edge"), filters.shape[1:])
        answers = filters.reshape(len(filters), -1) @ windows.reshape(level.size, -1).T
        energies = (answers**2).reshape(ORIENTATIONS, 2, *level.shape).sum(1)
        found.append(np.log(_averaged(energies, cells) + np.float32(UNSEEN**2)).reshape(ORIENTATIONS, -1) / 2)
        level = _averaged(level, len(level) // 2)
    return np.concatenate(found)


def _started(image: np.ndarray, weights: Weights, mirrored: bool) -> list[np.ndarray]:
    """What `starter.Starter` and `motifs.Motifs` give of an image (3, s, s): (n_features,) each."""
    image = _averaged(image, SEEN) if image.shape[-1] > SEEN else image
    ways = (image, image[:, :, ::-1]) if mirrored else (image,)
    seen = [_maps(way, weights) for way in ways]
    cells = [_unit(np.sqrt(_averaged(maps[-1], STARTER_CELLS).ravel())) for maps in seen]
    found = [np.mean(cells, axis=0)]
    for name, times in OF_MOTIFS.items():
        if (components := weights.get(f"sight.motifs.{name}.components")) is None:
            continue
        if weights["sight.built_alike"] >= 1:  # then they have no weight
            found.append(np.zeros(components.shape[1], np.float32))
            continue
        maps = seen if times == 1 else [_maps(_enlarged(way, times), weights) for way in ways]
        found.append(_motifs(maps, name, weights))
    return found


def _dense(image: np.ndarray, weights: Weights, mirrored: bool, in_colour: bool) -> list[np.ndarray]:
    """What `motifs.Motifs` give of `dense.dense_gradients` and `dense_colours` of an image (3, s, s): (n_features,)
    each."""
    names = ("edges", "tints") if in_colour else ("edges",)
    if weights["sight.built_alike"] >= 1:  # then they have no weight
        return [np.zeros(weights[f"sight.motifs.{name}.components"].shape[1], np.float32) for name in names]
    gradients = _shares(image, DENSE_BINS)
    cells = [_averaged(gradients, image.shape[-1] // window.pixels) for window in DENSE]
    ways = [cells, [_in_the_mirror(of) for of in cells]] if mirrored else [cells]
    maps = [[_around(of, window, PALE) for of, window in zip(way, DENSE, strict=True)] for way in ways]
    found = [_motifs(maps, "edges", weights)]
    if in_colour:
        red, green, blue = image
        colours = np.float32(TINTED) * np.stack([red - green, (red + green) / 2 - blue])
        light = image.mean(0, keepdims=True)
        tints = np.concatenate([light, 1 - light, colours.clip(0), (-colours).clip(0)])
        tints = _averaged(tints, image.shape[-1] // DENSE_COLOURS.pixels)
        both = [tints, tints[:, :, ::-1]] if mirrored else [tints]
        found.append(_motifs([[_around(way, DENSE_COLOURS, DIM)] for way in both], "tints", weights))
    return found


def _around(cells: np.ndarray, window: Window, faint: float) -> np.ndarray:
    """`dense._around` of cells (c, h, w): (c · cells², h', w')."""
    step, side = window.step, window.cells
    windows = sliding_window_view(np.sqrt(cells), (side, side), (1, 2))[:, ::step, ::step]
    roots = windows.transpose(0, 3, 4, 1, 2).reshape(-1, *windows.shape[1:3])
    shares: np.ndarray = roots / np.sqrt((roots**2).sum(0) + np.float32(faint * side**2))
    return shares


def _motifs(maps: list[list[np.ndarray]], name: str, weights: Weights) -> np.ndarray:
    sums = [np.concatenate([_summed(x, name, depth, weights) for depth, x in enumerate(way)]) for way in maps]
    found: np.ndarray = np.mean(sums, axis=0) @ weights[f"sight.motifs.{name}.components"]
    return found


def _maps(image: np.ndarray, weights: Weights) -> list[np.ndarray]:
    x = begun = 2 * image - 1
    ended = []
    for number, layer in enumerate(CONVOLUTIONS):
        begun = x if layer.begins else begun
        kernel, bias = (weights[f"sight.starter.{of}{number}"] for of in ("weight", "bias"))
        x = _convolved(x, kernel, bias, layer.stride)
        x = (x + begun if layer.ends else x).clip(0)
        ended += [x] * layer.ends
    return ended


def _summed(x: np.ndarray, name: str, depth: int, weights: Weights) -> np.ndarray:
    learned = (weights[f"sight.motifs.{name}.{of}{depth}"] for of in ("mean", "matrix", "words", "spread"))
    mean, matrix, words, spread = learned
    points = (x.reshape(len(x), -1).T - mean) @ matrix
    nearness = (2 * points @ words.T - (words**2).sum(1)) / (np.float32(SOFT * points.shape[1]) * spread)
    shares = np.exp(nearness - nearness.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    differences = shares.T @ points - shares.sum(0)[:, None] * words
    differences = (differences / np.linalg.norm(differences, axis=1, keepdims=True).clip(1e-12)).ravel()
    return _unit(np.sign(differences) * np.sqrt(np.abs(differences)))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.float32(max(float(np.linalg.norm(x)), 1e-12))


def _colours(image: np.ndarray, mirrored: bool) -> np.ndarray:
    """What `descriptor.colour_layout` gives of an image (3, s, s): (3 · cells²,)."""
    means = _averaged(image, COLOUR_CELLS)
    lightness = means.mean(0)
    layout = np.stack([lightness, means[0] - lightness, means[2] - lightness])
    layout = (layout + layout[:, :, ::-1]) / 2 if mirrored else layout
    return layout.ravel()


def _palette(image: np.ndarray) -> np.ndarray:
    """What `descriptor.palette` gives of an image (3, s, s): (256,)."""
    value, (red, green, blue) = image.max(0), image
    span = value - image.min(0)
    sixths = np.where(value == red, green - blue, np.where(value == green, blue - red, red - green))
    sixths = sixths / span.clip(np.float32(1e-6)) + np.where(value == red, 0, np.where(value == green, 2, 4))
    hues, saturations, values = PALETTE
    bins = (sixths.astype(np.float32) % 6 * (hues / 6)).astype(int).clip(max=hues - 1) * saturations
    bins = (bins + (span / value.clip(np.float32(1e-6)) * saturations).astype(int).clip(max=saturations - 1)) * values
    bins = bins + (value * values).astype(int).clip(max=values - 1)
    shares = np.bincount(bins.ravel(), minlength=hues * saturations * values) / np.float32(bins.size)
    return np.sqrt(shares.astype(np.float32))


def _averaged(x: np.ndarray, cells: int) -> np.ndarray:
    """x (..., s, s) averaged over ``cells`` cells a side, (..., cells, cells), as torch's ``adaptive_avg_pool2d``."""
    means = _means(x.shape[-1], cells)
    averaged: np.ndarray = means @ (x @ means.T)
    return averaged


def _enlarged(x: np.ndarray, times: int) -> np.ndarray:
    """x (..., s, s) with so many times as many pixels a side, as torch's ``interpolate``, bilinear."""
    side = x.shape[-1]
    at = ((np.arange(times * side, dtype=np.float32) + 0.5) / times - 0.5).clip(0, side - 1)
    tents = (1 - np.abs(at[:, None] - np.arange(side, dtype=np.float32))).clip(0)
    enlarged: np.ndarray = tents @ (x @ tents.T)
    return enlarged


@cache
def _means(side: int, cells: int) -> np.ndarray:
    starts = np.arange(cells) * side // cells
    ends = -(-(np.arange(cells) + 1) * side // cells)  # rounded up
    inside = (np.arange(side) >= starts[:, None]) & (np.arange(side) < ends[:, None])
    means: np.ndarray = (inside / inside.sum(1, keepdims=True)).astype(np.float32)
    return means
