"""Embeddings of the user's own, from a file: read, checked, and brought into the order of the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from lookalike.errors import ModelError, SettingError
from lookalike.library import parquet_columns

if TYPE_CHECKING:
    import pandas as pd

NAMES, VECTORS = "file_name", "embedding"
EXPORTED = ("width", "height", "cluster", "projection_x", "projection_y")
"""Columns of numbers in an export of a library, which are no embedding."""
SHOWN = 3
"""Names that an error shows."""


def embeddings_for(file_names: Sequence[str] | pd.Series, path: Path) -> np.ndarray:
    """Rows float32 (n, d) of the file, one for each of these images, in their order.

    A Parquet file has a column ``file_name`` and the numbers in a column of lists, ``embedding`` where there are
    several, or else in all its columns of numbers. A ``.npy`` (m, d) has the names beside it, one a line, in a text
    file of the same name, ``.txt``. Rows of other names are left alone. ModelError when the file cannot be read as
    such, an image has no row or several, or a number is not finite.
    """
    import pandas as pd

    names, rows = _npy(path) if path.suffix.lower() == ".npy" else _parquet(path)
    if len(names) != len(rows):
        raise ModelError(f"{path} has {len(rows)} rows and {len(names)} names; each row needs one")
    table, wanted = pd.Series(range(len(names)), index=names), pd.Index(file_names)
    if (several := wanted[wanted.isin(table.index[table.index.duplicated()])]).size:
        raise ModelError(f"{path} has several rows for {_some(several)}; each image needs one")
    if (lacking := wanted[~wanted.isin(table.index)]).size:
        raise ModelError(f"{path} has no row for {_some(lacking)}; names are relative to the folder, with /")
    found: np.ndarray = rows[table.loc[wanted].to_numpy()]
    if (wrong := wanted[~np.isfinite(found).all(1)]).size:
        raise ModelError(f"{path} has numbers that are not finite for {_some(wrong)}")
    return found


def check_table(file_names: Sequence[str] | pd.Series, path: Path, dim: int) -> None:
    """ModelError unless the file can be read and has some of these names; SettingError for rows shorter than ``dim``.

    Not all of the names: a picture that cannot be read needs no row.
    """
    names, rows = _npy(path) if path.suffix.lower() == ".npy" else _parquet(path)
    if dim > rows.shape[1]:
        raise SettingError(f"dim={dim} is more than the {rows.shape[1]} numbers of a row of {path}")
    known = set(names)
    if not any(name in known for name in file_names):
        embeddings_for(file_names, path)


def _parquet(path: Path) -> tuple[list[str], np.ndarray]:
    import pandas as pd

    try:
        table = pd.read_parquet(path, columns=_columns(path))
    except (OSError, ArithmeticError, LookupError, TypeError, ValueError, MemoryError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read as Parquet: {error}") from None
    if NAMES not in table:
        raise ModelError(f"{path} has no column {NAMES}; it has {', '.join(map(str, table.columns))}")
    return [str(name) for name in table[NAMES]], _vectors(table.drop(columns=NAMES), path)


def _columns(path: Path) -> list[str] | None:
    """Those worth reading: names, lists and numbers; names and ``embedding`` alone where that is a column of lists."""
    kinds = parquet_columns(path)
    if NAMES not in kinds:
        return None  # whatever is there is named in the error
    if kinds.get(VECTORS) == "lists":
        return [NAMES, VECTORS]
    return [NAMES, *(name for name, kind in kinds.items() if kind in ("lists", "numbers") and name != NAMES)]


def _vectors(table: pd.DataFrame, path: Path) -> np.ndarray:
    """The numbers (m, d): of a column of lists where there is one, else of all columns of numbers."""
    lists = [name for name in table if len(table) and isinstance(table[name].iloc[0], (np.ndarray, list))]
    if len(lists) > 1 and VECTORS in lists:
        lists = [VECTORS]
    if len(lists) > 1:
        raise ModelError(f"{path} has several columns of lists, {', '.join(lists)}; call the one {VECTORS}")
    if not lists and (foreign := [name for name in EXPORTED if name in table]):
        raise ModelError(
            f"{path} has {', '.join(foreign)} and no column of lists, as an export without embeddings; "
            f"expected the numbers in a column {VECTORS}"
        )
    values: Any = list(table[lists[0]]) if lists else table.select_dtypes("number").to_numpy()
    return _numbers(values, path)


def _npy(path: Path) -> tuple[list[str], np.ndarray]:
    beside = path.with_suffix(".txt")
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "fiub":
            raise ValueError(f"it holds {getattr(rows, 'dtype', 'several arrays')}")
    except (OSError, ArithmeticError, ValueError, EOFError, MemoryError, TypeError, SyntaxError, BadZipFile) as error:
        raise ModelError(f"{path} cannot be read as an array of numbers: {error}") from None
    try:
        lines = beside.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} needs {beside.name} beside it, the file_name of each row, one a line ({error})"
        ) from None
    return [line.removesuffix("\r") for line in lines], _numbers(rows, path)


def _numbers(values: Any, path: Path) -> np.ndarray:
    try:
        rows = np.asarray(values, np.float32)
    except (TypeError, ValueError, MemoryError):
        raise ModelError(f"{path} holds something else than equally many numbers for each name") from None
    if rows.ndim != 2 or not rows.size:
        raise ModelError(f"{path} holds an array {rows.shape}; expected a row of numbers for each name, (n, d)")
    return rows


def _some(names: pd.Index) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(repr(str(name)) for name in names[:SHOWN]) + more
