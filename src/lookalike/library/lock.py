"""Who may write to a library: one process at a time, and never to where a link leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.errors import LibraryBusyError, LibraryError

LOCK = "lock"
"""The file in the library's folder that is locked; it stays when nobody holds it."""


@contextmanager
def locked(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Holds the library at ``path`` for writing.

    LibraryBusyError when another process does so for longer than ``patience`` seconds; LibraryError where nothing can
    be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(without_links(path / LOCK))
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise LibraryBusyError(f"another process is writing to {path}; wait until it is done, or stop it") from None
    except OSError as error:
        raise LibraryError(f"{path} cannot be written to ({error.strerror}); check its permissions") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether somebody holds the library at ``path`` for writing; False, too, where that cannot be told."""
    if not (path / LOCK).exists():
        return False
    try:
        with locked(path):
            return False
    except LibraryBusyError:
        return True
    except LibraryError:
        return False


def without_links(path: Path) -> Path:
    """The path itself, when neither it nor anything directly in it is a symbolic link; else LibraryError."""
    for place in (path, *(path.iterdir() if path.is_dir() and not path.is_symlink() else ())):
        if place.is_symlink():
            raise LibraryError(f"{place} is a link, and a library must not lead elsewhere; remove it")
    return path
