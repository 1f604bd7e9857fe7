"""Reading a file of the user's once, whole, and without ever blocking or writing."""

import hashlib
import os
import stat
from typing import IO

from lookalike.errors import ImageError

MAX_FILE_BYTES = 512 << 20
A_FOLDER = "a folder, not a file"


def open_regular(path: bytes | str | os.PathLike[str]) -> int:
    """A read-only descriptor of a regular file (links followed); close it after use.

    Never blocks on a FIFO or a device that took the place of a file. Raises `ImageError` for anything else than a
    regular file, and `OSError` as `os.open` does.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ImageError(A_FOLDER if stat.S_ISDIR(mode) else "not a regular file")
    return descriptor


def read_whole(path: bytes | str | os.PathLike[str]) -> tuple[bytes, os.stat_result]:
    """The bytes of a file and its state when they were read; raises `ImageError` with the reason when it cannot be.

    Files of more than 512 MiB are refused: no picture within the memory limit of `decode` needs so many.
    """
    try:
        with open(open_regular(path), "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if state.st_size > MAX_FILE_BYTES:
                raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
            data = file.readall()
    except OSError as error:
        raise ImageError(_reason(error)) from error
    except ValueError as error:
        raise ImageError(f"not a file name: {error}") from error
    if not data:
        raise ImageError("the file is empty")
    return data, state


def read_stream(stream: IO[bytes]) -> bytes:
    """The rest of a binary stream; raises `ImageError` when it is more than 512 MiB."""
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def hash_of(data: bytes) -> str:
    """What tells the contents of files apart: the first 16 bytes of SHA-256, which processors have instructions for."""
    return hashlib.sha256(data).hexdigest()[:32]


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is not there (any more)"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, IsADirectoryError):
        return A_FOLDER
    return f"it could not be read: {error.strerror or error}"
