"""Thumbnails side by side in large sheets, as a graphics card wants them: made once, kept beside the working copy."""

import contextlib
import io
import os
import shutil
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import LibraryError, SettingError
from lookalike.images.decode import settled_pillow
from lookalike.images.pixels import Thumbnails
from lookalike.images.prepare import THUMBNAIL_SIZE
from lookalike.images.shards import header_path, write_whole
from lookalike.images.write import jpeg_bytes

SHEET = 2048
"""Pixels a side of a sheet."""
QUALITY = 82
_PLACE = "sheets"


class Atlas:
    """Sheets of small square pictures, each a thumbnail drawn out to a square of ``tile`` pixels.

    Picture ``i`` lies on sheet ``i // per_sheet``, from the left and from the top in the order of ``slots``; the last
    sheet is only as high as it must be. A sheet is made when it is first asked for, about a second for 4,096 pictures,
    and kept in the working copy where that can be written to, unless ``keep`` is False.

    Parameters
    ----------
    into : path
        The working copy.
    slots : int array (n,)
        Which pictures, in which order.
    tile : int
        Pixels a side of each, from 8 to 128.

    Raises
    ------
    SettingError
        ``tile`` out of range.
    LibraryError
        On use: there is no such sheet, or the thumbnails are gone or damaged.
    """

    def __init__(self, into: str | os.PathLike[str], slots: NDArray[np.int64], *, tile: int, keep: bool = True) -> None:
        if not 8 <= tile <= THUMBNAIL_SIZE:
            raise SettingError(f"tile is {tile}; expected 8 to {THUMBNAIL_SIZE} pixels a side")
        self.tile, self.across, self.keep = tile, SHEET // tile, keep
        self._into, self._slots = Path(into), np.asarray(slots, np.int64)
        self._thumbnails = Thumbnails(into)
        state = header_path(self._into).read_bytes() + self._slots.tobytes()
        self.key = blake2b(state, digest_size=8, salt=str(tile).encode()).hexdigest()

    def __len__(self) -> int:
        """How many sheets there are."""
        return -(-len(self._slots) // self.per_sheet)

    @property
    def per_sheet(self) -> int:
        """Pictures on a full sheet."""
        return self.across**2

    def jpeg(self, sheet: int) -> bytes:
        """A sheet as a JPEG file."""
        if not 0 <= sheet < len(self):
            raise LibraryError(f"there is no sheet {sheet}; expected 0 to {len(self) - 1}")
        path = self._into / _PLACE / self.key / f"{sheet:06d}.jpg"
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
        data = jpeg_bytes(self._draw(sheet), QUALITY)
        if self.keep:
            with contextlib.suppress(OSError):
                self._make_room(path.parent)
                write_whole(path, data)
        return data

    def _draw(self, sheet: int) -> Image.Image:
        slots = self._slots[sheet * self.per_sheet : (sheet + 1) * self.per_sheet]
        lines = -(-len(slots) // self.across)
        drawn = Image.new("RGB", (SHEET, lines * self.tile), (128, 128, 128))
        with settled_pillow(THUMBNAIL_SIZE**2):
            for number in np.argsort(slots):  # in the order in which they lie on disk
                line, column = divmod(int(number), self.across)
                drawn.paste(self._square(int(slots[number])), (column * self.tile, line * self.tile))
        return drawn

    def _square(self, slot: int) -> Image.Image:
        try:
            image = Image.open(io.BytesIO(self._thumbnails.jpeg(slot)), formats=("JPEG",))
            image.draft("RGB", (self.tile, self.tile))
            return image.convert("RGB").resize((self.tile, self.tile), Image.Resampling.BILINEAR, reducing_gap=2.0)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise LibraryError(
                f"a thumbnail in {self._into} is damaged ({error}); delete the folder and build"
            ) from error

    def _make_room(self, place: Path) -> None:
        """The folder of these sheets; those of an earlier state of the library go, but for the latest two."""
        place.mkdir(parents=True, exist_ok=True)
        others = [other for other in place.parent.iterdir() if other != place and not other.is_symlink()]
        for old in sorted(others, key=lambda other: other.stat().st_mtime)[:-1]:
            shutil.rmtree(old, ignore_errors=True)
