"""A decoding process: takes shards as JSON lines from stdin, writes pixels and tables to disk, tells where it is.

It says ``{"at": slot}`` before it opens a file, ``{"saving": shard}`` before it commits and ``{"done": shard}``
after; ``{"failed": why}`` when it cannot write. When its stdin closes (its parent is gone) it ends at once.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from PIL import AvifImagePlugin

from lookalike.errors import ImageError, LibraryError
from lookalike.images.pixels import Pixels, Thumbnails
from lookalike.images.prepare import Prepared
from lookalike.images.reading import hash_of, read_whole
from lookalike.images.shards import SHARD, Row, Shard, pixels_path, write_shard

EXTRA_MEMORY = 2 << 30
Say = Callable[..., None]


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a worker for every core already
    say = _own_stdout()
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    _limit_memory(EXTRA_MEMORY)
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    while True:
        job = jobs.get()
        try:
            decode_shard(job, say)
        except OSError as error:
            say(failed=f"{job['into']}: {error.strerror or error}")


def _own_stdout() -> Say:
    """A way to speak to the parent that no decoder's own printing can disturb."""
    channel = os.fdopen(os.dup(1), "w", buffering=1, encoding="ascii")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)

    def say(**words: int | str) -> None:
        channel.write(json.dumps(words) + "\n")

    return say


def _listen(stdin: BinaryIO, jobs: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in stdin:
        jobs.put(json.loads(line))
    os._exit(0)


def _limit_memory(extra: int) -> None:
    """Bound the address space to what is used now and `extra` bytes, where the system can (Linux)."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = used + extra
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def decode_shard(job: dict[str, Any], say: Say) -> None:
    """Decode the files of one shard into their slots of the pixel file, then commit the shard.

    Raises `OSError` when the working copy cannot be written.
    """
    into, size, shard = Path(job["into"]), job["size"], job["shard"]
    table, thumbnails = Shard([], []), bytearray()
    with open(pixels_path(into), "r+b", buffering=0) as pixels:
        for slot, outcome in _outcomes(job, say):
            if isinstance(outcome, str):
                table.skipped.append((slot, outcome))
                square = bytes(size * size * 3)
            else:
                row, prepared = outcome
                table.rows.append(row._replace(offset=len(thumbnails)))
                thumbnails += prepared.thumbnail
                square = prepared.pixels.tobytes()
            _write_at(pixels, slot * len(square), square)
        say(saving=shard)
        os.fsync(pixels.fileno())
    write_shard(into, shard, table, bytes(thumbnails))
    say(done=shard)


def _outcomes(job: dict[str, Any], say: Say) -> Iterator[tuple[int, str | tuple[Row, Prepared]]]:
    """Of every file in turn its slot, and its row and pixels or the reason why there are none."""
    decoder, earlier = _named(job["decoder"]), _Earlier(job)
    for slot, name in enumerate(job["paths"], start=job["shard"] * SHARD):
        doom = job["doomed"].get(str(slot))
        if doom is not None:
            yield slot, doom
            continue
        if known := earlier.of(slot):
            yield slot, known
            continue
        say(at=slot)
        path = os.path.join(os.fsencode(job["folder"]), name.encode("utf-8", "surrogateescape"))
        try:
            data, state = read_whole(path)
            prepared = decoder(data, size=job["size"], fit=job["fit"])
        except ImageError as error:
            yield slot, str(error)
        except MemoryError:
            yield slot, "too large: decoding it needs more memory than one picture may use"
        else:
            digest = hash_of(data)
            size = prepared.width, prepared.height
            yield slot, (Row(slot, len(data), state.st_mtime_ns, digest, *size, 0, len(prepared.thumbnail)), prepared)


class _Earlier:
    """What a working copy made before has of the files of a job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._known: dict[str, tuple[int, str]] = job.get("known", {})
        self._place = str(job.get("earlier", ""))

    @cached_property
    def _copy(self) -> tuple[Pixels, Thumbnails]:
        return Pixels(self._place), Thumbnails(self._place)

    def of(self, slot: int) -> tuple[Row, Prepared] | None:
        """The row and the pixels for a slot; None where there are none, or those of something else."""
        if str(slot) not in self._known:
            return None
        old, content_hash = self._known[str(slot)]
        try:
            pixels, thumbnails = self._copy
            row, thumbnail = thumbnails.row(old), thumbnails.jpeg(old)
        except LibraryError:
            return None
        prepared = Prepared(pixels[old], thumbnail, row.width, row.height)
        return (row._replace(slot=slot), prepared) if row.content_hash == content_hash else None


def _named(decoder: str) -> Callable[..., Prepared]:
    module, _, name = decoder.partition(":")
    found: Callable[..., Prepared] = getattr(importlib.import_module(module), name)
    return found


def _write_at(file: Any, offset: int, data: bytes) -> None:
    file.seek(offset)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


if __name__ == "__main__":
    main()
