"""Reading the working copy: the pixels that models see, and the thumbnails that people see."""

from __future__ import annotations

import io
import math
import mmap
import os
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import LibraryError
from lookalike.images.decode import settled_pillow
from lookalike.images.prepare import THUMBNAIL_SIZE
from lookalike.images.shards import SHARD, Row, pixels_path, read_header, read_shard, thumbnails_path


class Pixels:
    """The working copy's pixels, uint8 (n_slots, size, size, 3) RGB, on disk: nothing is loaded that is not asked for.

    ``pixels[slots]`` with an int array or a list gives a new array, a slice or an int a read-only view. Slots of
    skipped files are black.

    Parameters
    ----------
    into : path
        The folder that `decode_folder` wrote.

    Raises
    ------
    LibraryError
        The working copy was deleted or is damaged; `lookalike update` makes it again.
    """

    def __init__(self, into: str | os.PathLike[str]) -> None:
        folder = Path(into)
        header = read_header(folder)
        self.shape: tuple[int, int, int, int] = (header["slots"], header["size"], header["size"], 3)
        path = pixels_path(folder)
        if not path.is_file():
            raise LibraryError(f"{path} is gone: the working copy was deleted; `lookalike update` makes it again.")
        if path.stat().st_size != math.prod(self.shape):
            raise LibraryError(f"{path} has another size than expected; delete it and run `lookalike build` again.")
        self._array: NDArray[np.uint8] = (
            np.memmap(path, np.uint8, "r", shape=self.shape) if self.shape[0] else np.zeros(self.shape, np.uint8)
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, slots: int | slice | list[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return np.asarray(self._array[slots])


class _Packed(NamedTuple):
    """One shard's thumbnails."""

    data: mmap.mmap | bytes
    rows: list[Row]


class Thumbnails:
    """The thumbnails of a working copy: JPEG, longest side 128 pixels; opened shard by shard when asked for.

    Parameters
    ----------
    into : path
        The folder that `decode_folder` wrote.

    Raises
    ------
    LibraryError
        On use: the thumbnails were deleted or are damaged, the slot has no image, or a build has made another working
        copy in the same place since.
    """

    _OPEN_SHARDS = 256

    def __init__(self, into: str | os.PathLike[str]) -> None:
        self._into = Path(into)
        self._header = read_header(self._into)
        self._slots: int = self._header["slots"]
        self._open: OrderedDict[int, _Packed] = OrderedDict()

    def __len__(self) -> int:
        return self._slots

    def jpeg(self, slot: int) -> bytes:
        """The JPEG file of one image's thumbnail."""
        packed, row = self._packed(int(slot))
        return bytes(packed.data[row.offset : row.offset + row.length])

    def row(self, slot: int) -> Row:
        """What the working copy says of one image."""
        return self._packed(int(slot))[1]

    def array(self, slot: int) -> NDArray[np.uint8]:
        """One image's thumbnail as uint8 (h, w, 3), RGB."""
        jpeg = self.jpeg(slot)
        try:
            with settled_pillow(THUMBNAIL_SIZE**2):
                image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
                if max(image.size) > THUMBNAIL_SIZE:
                    raise ValueError(f"{image.size} is no thumbnail's size")
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            path = thumbnails_path(self._into, slot // SHARD)
            raise LibraryError(f"{path} is damaged; delete it and run `lookalike build` again.") from error

    def _packed(self, slot: int) -> tuple[_Packed, Row]:
        if not 0 <= slot < self._slots:
            raise LibraryError(f"Slot {slot} is not in {self._into}; expected 0 to {self._slots - 1}.")
        packed = self._shard(slot // SHARD)
        at = bisect_left(packed.rows, slot, key=lambda row: row.slot)
        if at == len(packed.rows) or packed.rows[at].slot != slot:
            raise LibraryError(f"Slot {slot} in {self._into} holds no image: its file was skipped.")
        return packed, packed.rows[at]

    def _shard(self, shard: int) -> _Packed:
        packed = self._open.pop(shard, None) or self._load(shard)
        self._open[shard] = packed
        while len(self._open) > self._OPEN_SHARDS:
            self._open.popitem(last=False)
        return packed

    def _load(self, shard: int) -> _Packed:
        path = thumbnails_path(self._into, shard)
        rows = read_shard(self._into, shard).rows
        try:
            with open(path, "rb") as file:
                filled = os.fstat(file.fileno()).st_size
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if filled else b""
        except OSError as error:
            raise LibraryError(
                f"{path} is gone: thumbnails were deleted; `lookalike update` makes them again."
            ) from error
        if read_header(self._into) != self._header:  # it goes before, and comes after, all that it stands for
            raise LibraryError(f"{self._into} was made anew by another build; open the library again.")
        return _Packed(data, rows)
