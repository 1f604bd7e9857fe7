"""A library as a server holds it: always at its latest state, and safe to be asked by several threads at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import Depends, Request

from lookalike.errors import ImageError
from lookalike.images import Atlas, open_regular
from lookalike.library import HEADER
from lookalike.pipeline import Library
from lookalike.pipeline import open as open_library
from lookalike.show.answers import atlas, content

Result = TypeVar("Result")
MOST_SELECTIONS = 64
"""Selections that are remembered, the latest ones."""


class Served:
    """What the routes of a server share.

    ``reading`` gives the library for a moment, to one thread at a time; ``working`` gives one of its own to what takes
    long, one change of the clusters at a time and beside it one other such thing. Each begins at the library's latest
    state.
    """

    def __init__(self, library: Library) -> None:
        self.path = library.path
        self._library = library
        self._reading = threading.RLock()
        self._changing, self._making = threading.Lock(), threading.Lock()
        self._jobs: dict[int, dict[str, Any]] = {}  # by thread
        self._stamp: tuple[int, ...] = ()
        self._known: dict[tuple[Any, ...], Any] = {}
        self._selections: OrderedDict[str, np.ndarray] = OrderedDict()

    @contextmanager
    def reading(self) -> Iterator[Library]:
        """The library at its latest state, for a short while."""
        with self._reading:
            state = (self.path / HEADER).stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            if stamp != self._stamp:
                self._library.refresh()
                self._stamp = stamp
            yield self._library

    def latest(self) -> Library:
        """The library at its latest state, for what its model does: other threads read from it meanwhile."""
        with self.reading() as library:
            return library

    @contextmanager
    def working(self, stage: str, *, changes: bool = False) -> Iterator[Library]:
        """The library opened once more, for something that takes long; how far it is stands in ``job``.

        ``changes`` says that it changes the clusters, which need not wait for what only makes a layout, or scores.
        """
        with self._changing if changes else self._making:
            self.progress(stage, 0, 0)
            try:
                yield open_library(self.path)
            finally:
                del self._jobs[threading.get_ident()]

    def warm(self) -> None:
        """Loads the model, and what a search with a picture takes, before somebody waits for them."""
        library = self.latest()
        if library.model.encodes:
            black = np.zeros((library.model.size, library.model.size, 3), np.uint8)
            made = library.encode(black, average=False)
            with self.reading() as library:
                library.index.search(library.averaged(made), 1)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """What long work calls, in the thread that does it."""
        self._jobs[threading.get_ident()] = {"stage": stage, "done": done, "total": total}

    @property
    def job(self) -> dict[str, Any] | None:
        """How far the long work is that began last; None when there is none."""
        return next(reversed([*self._jobs.values()]), None)

    def once(self, name: str, version: Any, make: Callable[[], Result]) -> Result:
        """What ``make`` gives, made once for each version of the library; only the latest is kept."""
        known = self._known.get((name,))
        if known is None or known[0] != version:
            known = version, make()
            self._known[(name,)] = known
        result: Result = known[1]
        return result

    def atlas(self, library: Library) -> Atlas:
        """The small pictures of all images in sheets."""
        made_of = (content(library), library.working_copy)
        return self.once("atlas", made_of, lambda: atlas(library, np.arange(len(library.file_names))))

    def source(self, library: Library, row: int) -> Path:
        """Where the file of an image is. ImageError when it is gone, or lies outside the folder, as by a link."""
        paths = self.once("paths", content(library), lambda: library.paths)
        try:
            path = paths[row].resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise ImageError("the file is not there (any more)") from error
        if not path.is_relative_to(library.folder.resolve()):
            raise ImageError("the file lies outside the folder of pictures, and is not shown")
        return path

    def remember(self, rows: np.ndarray) -> str:
        """Keeps a selection of rows and gives a name for it: the same rows, the same name."""
        name = blake2b(rows.astype("<i8").tobytes(), digest_size=10).hexdigest()
        with self._reading:
            self._selections[name] = rows
            self._selections.move_to_end(name)
            while len(self._selections) > MOST_SELECTIONS:
                self._selections.popitem(last=False)
        return name

    def selection(self, name: str) -> np.ndarray | None:
        """The rows of a selection; None when it is not (or no longer) known."""
        with self._reading:
            return self._selections.get(name)


def opened(path: Path) -> int:
    """A descriptor of a picture's file, to be read only; ImageError when it is none any more."""
    try:
        return open_regular(path)
    except OSError as error:
        raise ImageError("the file cannot be read") from error


def _held(request: Request) -> Served:
    held: Served = request.app.state.served
    return held


Held = Annotated[Served, Depends(_held)]
"""What every route asks for."""
