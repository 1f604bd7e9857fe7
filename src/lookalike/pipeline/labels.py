"""The truth, when there is one: sub-folders, or a CSV of the user's. Used for scoring only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

SUBFOLDERS = {"folders": 0, "innermost": -1}
"""Sources of labels that are sub-folders, and which of an image's it is: the first, or that in which it lies."""


def labels_from(source: str | Path, file_names: Iterable[str]) -> np.ndarray:
    """A label, or None, for each file name: object (n,).

    ``source`` is ``folders`` (the first sub-folder), ``innermost`` (that in which the image lies), or a CSV file with a
    column ``file_name`` and a column ``label`` (or ``class`` or ``group``, or else the first that is not file_name); an
    empty cell, or a name that is not in it, is no label. Columns are parted by commas or, as spreadsheets of some
    countries write them, semicolons. SettingError when the file cannot be read as such, gives one image two labels, or
    labels none of the images.
    """
    if (which := SUBFOLDERS.get(str(source))) is not None:
        return np.array([name.split("/")[:-1][which] if "/" in name else None for name in file_names], object)
    names, table = list(file_names), _read(Path(source))
    column = next((name for name in ("label", "class", "group") if name in table), None)
    column = column or next(name for name in table.columns if name != "file_name")
    table = table.loc[table["file_name"].isin(names) & table[column].ne(""), ["file_name", column]]
    _refuse_two_labels(table, source)
    known = dict(zip(table["file_name"], table[column], strict=True))
    labels = np.array([known.get(name) for name in names], object)
    if not labels.astype(bool).any():
        raise SettingError(f"no file_name in {source} is an image of the library; names are relative to the folder")
    return labels


def label_codes(source: str | Path, file_names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """A label's number for each file name, int64 (n,), −1 for none, and what the numbers stand for.

    SettingError when ``source`` cannot be used (see `labels_from`), or gives fewer than two labels.
    """
    import pandas as pd

    codes, classes = pd.factorize(labels_from(source, file_names))
    if len(classes) < 2:
        raise too_few(source, len(classes))
    return codes, np.asarray(classes)


def too_few(source: str | Path, n_labels: int) -> SettingError:
    """What to say of fewer than two labels."""
    given = f"labels={str(source)!r} gives {('no label', 'one label')[n_labels]}"
    if str(source) in SUBFOLDERS:
        why = "the images lie in one sub-folder" if n_labels else "the images lie in no sub-folders"
        return SettingError(f"{given}, for {why}; name a CSV file with the columns file_name and label instead")
    return SettingError(f"{given} for these images; two are needed")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline()
        parted = ";" if ";" in head and "," not in head else ","
        table = pd.read_csv(path, dtype=str, keep_default_na=False, sep=parted)
    except FileNotFoundError:
        raise SettingError(
            f"labels={str(path)!r} is missing; name a CSV file, or 'folders' or 'innermost' for sub-folders"
        ) from None
    except (OSError, ValueError) as error:
        raise SettingError(f"labels={str(path)!r} cannot be read as CSV: {error}") from None
    if "file_name" not in table or table.shape[1] < 2:
        raise SettingError(f"{path} needs the columns file_name and label; it has {', '.join(table.columns)}")
    return table


def _refuse_two_labels(given: pd.DataFrame, source: str | Path) -> None:
    """SettingError when a file name has one label in one row and another in another."""
    twice = given.drop_duplicates()
    twice = twice[twice["file_name"].duplicated(keep=False)]
    if len(twice):
        name = twice["file_name"].iloc[0]
        first, second, *_ = twice.loc[twice["file_name"] == name].iloc[:, 1]
        more = twice["file_name"].nunique() - 1
        others = f" (and {more:,} more have several)" * bool(more)
        raise SettingError(f"{source} gives {name!r} two labels, {first!r} and {second!r}{others}; leave one of each")
