"""What the stage ``index`` keeps in a library: every image's neighbours, and what is searched.

That is the embeddings averaged with those around them, and of a large library the cells to search in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lookalike import search
from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder, fingerprint

Neighbors = tuple[np.ndarray, np.ndarray]

NEIGHBORS, FEWER_NEIGHBORS = 91, 51
"""Neighbours of every image, itself included: what t-SNE wants at its perplexity of 30, and what `evaluate` does."""
FEWER_FROM = 200_000
"""Images from which on only these are kept: the map of so many is fitted on a sample."""


Found = tuple[Neighbors, dict[str, Any]]
"""Neighbours, and facts about how they were found."""


def indexed(
    unaveraged: np.ndarray, *, average: bool, seed: int, known: Found | None = None, progress: Any = None
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """What the stage keeps, and facts about it, by what the model makes of the images: float32 (n, d).

    The neighbours are looked for where they are not ``known``.
    """
    if known:
        (rows, distances), found, cells = *known, None
    else:
        (rows, distances), found, cells = neighbors_of(unaveraged, seed=seed, progress=progress)
    kept, searched = {"neighbors": rows, "distances": distances}, unaveraged
    if average:
        kept["averaged"] = searched = search.averaged(unaveraged, rows, distances, unaveraged)
        cells = None  # of other embeddings
    facts, cells = search.prepare_search(searched, cells, seed=seed, progress=progress)
    return {**kept, **(cells._asdict() if cells else {})}, {**facts, **found, "averaged": average}


def neighbors_of(
    unaveraged: np.ndarray, *, seed: int, progress: Any = None
) -> tuple[search.Neighbors, dict[str, Any], search.Cells | None]:
    """Every image's neighbours, as many as are kept, as `search.find_neighbors` gives them."""
    k = NEIGHBORS if len(unaveraged) < FEWER_FROM else FEWER_NEIGHBORS
    return search.find_neighbors(unaveraged, k, seed=seed, progress=progress)


def made_from(embeddings: str, *, average: bool) -> str:
    """The fingerprint of the stage, by that of the embeddings."""
    return fingerprint(fingerprint("embeddings", embeddings), "neighbors", *(["averaged"] if average else []))


def known_neighbors(files: LibraryFolder, embeddings: str, *, average: bool) -> Found | None:
    """The neighbours that the library has of these very embeddings, where only ``average`` has changed; else None."""
    same = files.has("index", made_from(embeddings, average=not average)) and is_usable(files)
    kept = kept_neighbors(files) if same else None
    if kept is None:
        return None
    rows, distances = (np.array(part) for part in kept)
    facts = {key: value for key, value in files.facts("index").items() if key.startswith("neighbors")}
    return (rows, distances), facts


def among(nearest: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The neighbours (n, k) of some images, by their numbers among these; −1 where one is not among them."""
    numbers = np.full(len(nearest) + 1, -1, np.int32)  # the last is found by −1
    numbers[rows] = np.arange(len(rows), dtype=np.int32)
    found: np.ndarray = numbers[nearest[rows]]
    return found


def kept_neighbors(files: LibraryFolder) -> Neighbors | None:
    """Rows int32 (n, k) and distances float32 (n, k), nearest first, itself first, mapped; None of an older library.

    LibraryError when they are damaged: code that is not Python's reads memory by such numbers.
    """
    if not files.holds("neighbors", "index"):
        return None
    n = len(files.array("embeddings", "embeddings"))
    rows, distances = files.array("neighbors", "index"), files.array("distances", "index")
    kinds = (rows.dtype.str, distances.dtype.str) == ("<i4", "<f4")
    whole = kinds and rows.ndim == 2 and rows.shape == distances.shape and len(rows) == n and rows.shape[1] >= 1
    if not whole or rows.min() < 0 or rows.max() >= n:
        raise LibraryError(f"{files.path}: the neighbours in it are damaged; run `lookalike build` again")
    return rows, distances


def kept_average(files: LibraryFolder) -> np.ndarray | None:
    """The embeddings averaged with those around them, float32 (n, d), mapped; None where they are not averaged."""
    if not files.holds("averaged", "index"):
        return None
    made, averaged = files.array("embeddings", "embeddings"), files.array("averaged", "index")
    if (averaged.shape, averaged.dtype) != (made.shape, made.dtype):
        raise LibraryError(f"{files.path}: the averages in it are damaged; run `lookalike build` again")
    return averaged


def index_of(files: LibraryFolder, embeddings: np.ndarray) -> search.Index:
    """What finds the embeddings (n, d) nearest to any: the cells where there are some, else all are looked at.

    LibraryError when the cells are damaged.
    """
    try:
        if not files.holds("codes", "index"):
            return search.ExactIndex(embeddings)
        cells = search.Cells(**{name: files.array(name, "index") for name in search.Cells._fields})
        return search.CellIndex(embeddings, cells, probes=int(files.facts("index")["probes"]))
    except (SettingError, KeyError, TypeError, ValueError) as error:
        raise LibraryError(f"{files.path}: its index is damaged ({error}); run `lookalike build` again") from error


def is_usable(files: LibraryFolder) -> bool:
    """Whether what the stage ``index`` keeps can be read."""
    try:
        kept_neighbors(files)
        averaged = kept_average(files)
        if files.holds("codes", "index"):
            index_of(files, files.array("embeddings", "embeddings") if averaged is None else averaged)
    except LibraryError:
        return False
    return averaged is None or search.is_finite(averaged)
