"""How the working copy lies on disk: one pixel file, and per shard a thumbnail file and a table that commits both.

::

    decode.json             what the copy is of: size, fit, number of slots, fingerprint of the candidates
    pixels.u8               uint8 (n_slots, size, size, 3), C order; the slots of skipped files are zero
    thumbnails/000012.jpegs the JPEG files of shard 12, one behind the other
    shards/000012.json      {"rows": [fields of `Row`, ...], "skipped": [[slot, reason], ...]}

A shard is `SHARD` slots. Its table appears by a rename after everything it speaks of is on disk, so it is there whole
or the shard has to be decoded again.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.errors import LibraryError

SHARD = 64  # few enough that a few hundred large photos keep all cores busy
VERSION = 3  # 2 had other hashes
MAX_SIZE = 4096  # pixels a side
_MAX_JSON_BYTES = 1 << 20  # a full table has a tenth of that


class Row(NamedTuple):
    """One decoded image in a shard's table; `offset` and `length` say where in the shard's thumbnail file it lies."""

    slot: int
    bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int
    offset: int
    length: int


class Shard(NamedTuple):
    """The table of one shard: decoded images, and slots of skipped files with their reasons, both in slot order."""

    rows: list[Row]
    skipped: list[tuple[int, str]]


def header_path(into: Path) -> Path:
    """Where the header is."""
    return into / "decode.json"


def pixels_path(into: Path) -> Path:
    """Where the pixels are."""
    return into / "pixels.u8"


def table_path(into: Path, shard: int) -> Path:
    """Where a shard's table is."""
    return into / "shards" / f"{shard:06d}.json"


def thumbnails_path(into: Path, shard: int) -> Path:
    """Where a shard's thumbnails are."""
    return into / "thumbnails" / f"{shard:06d}.jpegs"


def read_header(into: Path) -> dict[str, Any]:
    """The header; raises `LibraryError` when there is none or it is damaged."""
    try:
        header = _read_json(header_path(into))
        size, slots = int(header["size"]), int(header["slots"])
        if not 1 <= size <= MAX_SIZE or slots < 0:
            raise ValueError(f"{slots} slots of {size} pixels a side")
        return {**header, "size": size, "slots": slots}
    except FileNotFoundError as error:
        raise LibraryError(f"{into} holds no working copy; `lookalike update` makes it again.") from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise LibraryError(f"{header_path(into)} is damaged; delete it and run `lookalike build` again.") from error


def read_shard(into: Path, shard: int) -> Shard:
    """A committed shard's table; raises `LibraryError` when it is missing or damaged."""
    path = table_path(into, shard)
    try:
        table = _read_json(path)
        rows = [_row(*row) for row in table["rows"]]
        return Shard(rows, [(int(slot), str(reason)) for slot, reason in table["skipped"]])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise LibraryError(f"{path} is missing or damaged; delete it and run `lookalike build` again.") from error


def _row(*fields: Any) -> Row:
    """A row of a table that a stranger may have written; raises TypeError or ValueError for what cannot be one."""
    row = Row(*fields)
    numbers = (row.slot, row.bytes, row.mtime_ns, row.width, row.height, row.offset, row.length)
    if not isinstance(row.content_hash, str) or not all(isinstance(number, int) for number in numbers):
        raise TypeError(f"{row} is no row")
    if min(row.slot, row.offset, row.length) < 0:
        raise ValueError(f"{row} is no row")
    return row


def _read_json(path: Path) -> Any:
    with open(path, "rb") as file:
        data = file.read(_MAX_JSON_BYTES + 1)
    if len(data) > _MAX_JSON_BYTES:
        raise ValueError(f"larger than {_MAX_JSON_BYTES} bytes")
    return json.loads(data)


def write_shard(into: Path, shard: int, table: Shard, thumbnails: bytes) -> None:
    """Commit a shard whose pixels are on disk: its thumbnails first, then the table that makes it count."""
    write_whole(thumbnails_path(into, shard), thumbnails)
    write_whole(table_path(into, shard), json.dumps(table._asdict(), separators=(",", ":")).encode())


def is_committed(into: Path, shard: int) -> bool:
    """Whether a shard need not be decoded again."""
    return table_path(into, shard).is_file() and thumbnails_path(into, shard).is_file()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears with all its content on disk, or not at all."""
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def decoded_so_far(into: Path) -> tuple[int, int]:
    """About how many files a decoding under way has done, and of how many; (0, 0) when it has not begun."""
    try:
        slots = int(read_header(into)["slots"])
        done = sum(name.endswith(".json") for name in os.listdir(table_path(into, 0).parent))
    except (LibraryError, OSError):
        return 0, 0
    return min(done * SHARD, slots), slots
