"""How many clusters there seem to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lookalike.errors import SettingError
from lookalike.organize.clustering import CLUSTERINGS, checked, cluster, repeatably
from lookalike.organize.links import Rows, modularity
from lookalike.organize.sampling import drawn

if TYPE_CHECKING:
    import pandas as pd

_CLUSTERED = 10_000  # rows that the search for K looks at
_FEWEST_LINKS, _MOST_LINKS = 5, 10  # nearest neighbours of each row that are linked to it, a tenth of all in between
_MOST_CLUSTERS = 50
_EVERY_K_UP_TO = 20


@dataclass(frozen=True)
class Choice:
    """How many clusters there seem to be, and the evidence.

    Attributes:
        n_clusters: the number chosen.
        curve: one row for each number tried: k and modularity (−0.5..1, larger is better, 0 is chance).
    """

    n_clusters: int
    curve: pd.DataFrame


def choose_k(
    points: ArrayLike,
    embeddings: ArrayLike | None = None,
    *,
    seed: int = 0,
    k_range: Sequence[int] | None = None,
    method: str = "kmeans",
    progress: Callable[..., None] | None = None,
) -> Choice:
    """Choose as many clusters as hold most of the links between neighbours, beyond what chance would (modularity).

    Newman, *Fast algorithm for detecting community structure in networks*, PRE 2004. Each row is linked to its 10
    nearest, of few rows to a tenth of them, at least 5, of very few to a third. Clusters that cut through a group lose
    links; clusters that join two gain hardly any, and chance would give them more. Groups smaller than the links of a
    row are seen as one. Costs one clustering of at most 10,000 rows for each K tried; memory does not grow with n².

    Args:
        points: floats (n, d), finite; best the `manifold`, where clusters stand apart.
        embeddings: floats (n, e), finite, in which neighbours are looked for; None looks for them among the points.
        seed: which rows are looked at, and of the clustering.
        k_range: the numbers to try; None takes all from 2 to 20, then every tenth more, up to √n or 50.
        method: as in `cluster`, but for "hdbscan", which decides by itself.
        progress: is called as `progress("cluster", done, total, note)`.

    Raises:
        SettingError: a number to try below 2 or not below n, "hdbscan", embeddings of other rows, and what `cluster`
            raises.

    With fewer than 4 images, identical ones only, or where no number's clusters hold more links than chance would give
    them, it is 1 and the curve is empty.
    """
    import pandas as pd

    rows = checked(points)
    among = rows if embeddings is None else np.asarray(embeddings)
    if len(among) != len(rows):
        raise SettingError(f"embeddings are of {len(among)} images and points of {len(rows)}, expected the same images")
    if method not in CLUSTERINGS or method == "hdbscan":
        able = ", ".join(name for name in CLUSTERINGS if name != "hdbscan")
        raise SettingError(f"choosing K with cluster method {method!r} is not possible, expected one of {able}")
    numbers = sorted({int(k) for k in k_range}) if k_range is not None else _numbers_to_try(len(rows))
    if k_range is not None and not (numbers and numbers[0] >= 2 and numbers[-1] < len(rows)):
        raise SettingError(f"k_range is {list(k_range)}, expected numbers from 2 to {len(rows) - 1}")
    chosen = drawn(len(rows), _CLUSTERED, seed)
    rows, among, numbers = rows[chosen], checked(among[chosen]), [k for k in numbers if k < len(chosen)]
    if not (np.ptp(rows, axis=0).any() and np.ptp(among, axis=0).any()):
        numbers = []
    links = _links(among) if numbers else np.empty((0, 0), np.int64)
    judged = []
    for tried, k in enumerate(numbers):
        if progress:
            progress("cluster", tried, len(numbers), f"trying {k}")
        judged.append((k, modularity(cluster(rows, k, method, seed=seed), links, k)))
    if not any(held > 0 for _, held in judged):
        judged = []
    curve = pd.DataFrame(judged, columns=["k", "modularity"]).astype({"k": "int64", "modularity": "float64"})
    return Choice(int(curve["k"][curve["modularity"].idxmax()]) if judged else 1, curve)


def _numbers_to_try(n: int) -> list[int]:
    """2 to 20, then about every tenth more, up to the square root of n or 50; at least 2 and 3."""
    most = min(max(int(np.sqrt(n)), 3), _MOST_CLUSTERS, n - 1)
    numbers = list(range(2, min(most, _EVERY_K_UP_TO) + 1))
    while numbers and numbers[-1] < most:
        numbers.append(min(most, round(numbers[-1] * 1.1)))
    return numbers if n >= 4 else []


def _links(embeddings: np.ndarray) -> Rows:
    """Of each row its nearest others, (n, k)."""
    from sklearn.neighbors import NearestNeighbors

    n = len(embeddings)
    each = min(max(n // 10, _FEWEST_LINKS), _MOST_LINKS, max(1, (n - 1) // 3))
    with repeatably():
        found: Rows = NearestNeighbors(n_neighbors=each, algorithm="brute").fit(embeddings).kneighbors()[1]
    return found
