"""How many clusters there seem to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError
from lookalike.organize.clustering import CLUSTERINGS, Clusters, Points, checked, cluster

if TYPE_CHECKING:
    import pandas as pd

_CLUSTERED = 10_000  # rows that the search for K clusters
_JUDGED = 2_000  # rows whose silhouette is measured, in each round
_ROUNDS = 3
_MOST_CLUSTERS = 50
_EVERY_K_UP_TO = 20
_STANDS_OUT = 0.02  # silhouette by which a peak must rise above the valley before it
_STILL_CLEAR = 0.75  # share of the best silhouette that a finer level must keep
_AS_GOOD = 0.98


@dataclass(frozen=True)
class Choice:
    """How many clusters there seem to be, and the evidence.

    Attributes:
        n_clusters: the number chosen.
        curve: one row for each number tried: k, silhouette (−1..1, larger is better; mean over three random samples)
            and spread (their standard deviation).
    """

    n_clusters: int
    curve: pd.DataFrame


def choose_k(
    points: ArrayLike,
    *,
    seed: int = 0,
    k_range: Sequence[int] | None = None,
    method: str = "kmeans",
    progress: Callable[..., None] | None = None,
) -> Choice:
    """Choose how many clusters by the silhouette (Rousseeuw, 1987): how much closer rows are to their own cluster.

    The best silhouette alone tends to name the coarsest division (two or three heaps), or the largest number tried.
    So a finer level is preferred where there is one: of the peaks at a larger K than the best peak that rise by 0.02
    and by twice the spread above the valley between, and keep three quarters of the best, the highest. Where the
    curve has no clear peak but its upper end, the smallest K that comes within 2 % of the best is taken, not the
    limit. Costs one clustering of at most 10,000 rows for each K tried; memory does not grow with n².

    Args:
        points: floats (n, d), finite; best the `manifold`, where clusters stand apart.
        seed: which rows are looked at, and of the clustering.
        k_range: the numbers to try; None takes all from 2 to 20, then every tenth more, up to √n or 50.
        method: as in `cluster`, but for "hdbscan", which decides by itself.
        progress: is called as `progress("cluster", done, total, note)`.

    Raises:
        SettingError: a number to try below 2 or not below n, "hdbscan", and what `cluster` raises.

    With fewer than 4 images, or identical ones only, it is 1 and the curve is empty.
    """
    import pandas as pd

    rows = checked(points)
    if method not in CLUSTERINGS or method == "hdbscan":
        able = ", ".join(name for name in CLUSTERINGS if name != "hdbscan")
        raise SettingError(f"choosing K with cluster method {method!r} is not possible, expected one of {able}")
    numbers = sorted({int(k) for k in k_range}) if k_range is not None else _numbers_to_try(len(rows))
    if k_range is not None and not (numbers and numbers[0] >= 2 and numbers[-1] < len(rows)):
        raise SettingError(f"k_range is {list(k_range)}, expected numbers from 2 to {len(rows) - 1}")
    random = np.random.default_rng(seed)
    rows = rows[np.sort(random.permutation(len(rows))[:_CLUSTERED])]
    samples = [np.sort(random.permutation(len(rows))[:_JUDGED]) for _ in range(_ROUNDS)]
    judged = []
    for tried, k in enumerate(numbers if np.ptp(rows, axis=0).any() else []):
        if progress:
            progress("cluster", tried, len(numbers), f"trying {k}")
        if k < len(rows):
            clusters = cluster(rows, k, method, seed=seed)
            judged.append((k, *_silhouette(rows, clusters, samples)))
    curve = pd.DataFrame(judged, columns=["k", "silhouette", "spread"]).dropna(ignore_index=True)
    return Choice(_level(curve), curve.astype({"k": "int64", "silhouette": "float64", "spread": "float64"}))


def _numbers_to_try(n: int) -> list[int]:
    """2 to 20, then about every tenth more, up to the square root of n or 50; at least 2 and 3."""
    most = min(max(int(np.sqrt(n)), 3), _MOST_CLUSTERS, n - 1)
    numbers = list(range(2, min(most, _EVERY_K_UP_TO) + 1))
    while numbers and numbers[-1] < most:
        numbers.append(min(most, round(numbers[-1] * 1.1)))
    return numbers if n >= 4 else []


def _silhouette(points: Points, clusters: Clusters, samples: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Mean over the samples and their standard deviation; NaN where a sample has one cluster or only single rows."""
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    scores = []
    with config_context(working_memory=64):
        for sample in samples:
            sensible = 1 < len(np.unique(clusters[sample])) < len(sample)
            scores.append(silhouette_score(points[sample], clusters[sample]) if sensible else np.nan)
    return float(np.mean(scores)), float(np.std(scores))


def _level(curve: pd.DataFrame) -> int:
    """The K that `choose_k` explains."""
    if curve.empty:
        return 1
    height, spread = curve["silhouette"].to_numpy(), curve["spread"].to_numpy()
    rises = np.diff(height, prepend=-np.inf) > 0
    peaks = [at for at in range(len(height) - 1) if rises[at] and height[at] > height[at + 1]]
    clear = [at for at in peaks if height[at] >= _STILL_CLEAR * height.max()]
    if not clear:
        return int(curve["k"][np.flatnonzero(height >= height.max() - (1 - _AS_GOOD) * abs(height.max()))[0]])
    best = max(clear, key=lambda at: height[at])
    finer = [at for at in clear if at > best and _rise(height, best, at) >= max(_STANDS_OUT, 2 * spread[at])]
    chosen = max(finer, key=lambda at: height[at]) if finer else best
    return int(curve["k"][chosen])


def _rise(height: Points, start: int, end: int) -> float:
    """How far a peak rises above the lowest point between it and an earlier one."""
    return float(height[end] - height[start:end].min())
