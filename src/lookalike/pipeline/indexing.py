"""What the stage ``index`` keeps in a library: every image's neighbours, and of a large one the cells to search in."""

import numpy as np

from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder
from lookalike.search import CellIndex, Cells, ExactIndex, Index

Neighbors = tuple[np.ndarray, np.ndarray]


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


def index_of(files: LibraryFolder) -> Index:
    """What finds the embeddings nearest to any: the cells where there are some, else all of them are looked at.

    LibraryError when the cells are damaged.
    """
    embeddings = files.array("embeddings", "embeddings")
    if not files.holds("codes", "index"):
        return ExactIndex(embeddings)
    cells = Cells(**{name: files.array(name, "index") for name in Cells._fields})
    try:
        return CellIndex(embeddings, cells, probes=int(files.facts("index")["probes"]))
    except (SettingError, KeyError, TypeError, ValueError) as error:
        raise LibraryError(f"{files.path}: its index is damaged ({error}); run `lookalike build` again") from error


def is_usable(files: LibraryFolder) -> bool:
    """Whether what the stage ``index`` keeps can be read."""
    try:
        kept_neighbors(files)
        if files.holds("codes", "index"):
            index_of(files)
    except LibraryError:
        return False
    return True
