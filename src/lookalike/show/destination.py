"""Where results may be written: anywhere but in the user's pictures and in the library itself."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lookalike.errors import LookalikeError, SettingError
from lookalike.pipeline import Library


def destination(library: Library, path: str | Path, endings: tuple[str, ...] = ()) -> Path:
    """``path`` as a place for results, once it is known to be one.

    Raises
    ------
    SettingError
        It lies in the folder of pictures, which is never written to, or in the library, which sweeps away what is not
        its own; the folder that it is to lie in is missing; or its ending is none of ``endings``.
    """
    path = free_place(path, library.folder, endings)
    if path.resolve().is_relative_to(library.path.resolve()):
        raise SettingError(f"{path} lies in the library {library.path}; choose another place")
    return path


def free_place(path: str | Path, folder: Path, endings: tuple[str, ...] = ()) -> Path:
    """``path`` as a place for results about the pictures in ``folder``, before there is a library of them.

    Raises
    ------
    SettingError
        As `destination`, but for the library.
    """
    path = Path(path)
    if endings and path.suffix.lower() not in endings:
        raise SettingError(f"{path} ends in {path.suffix or 'nothing'}; expected one of {', '.join(endings)}")
    if path.resolve().is_relative_to(folder.resolve()):
        raise SettingError(f"{path} lies in {folder}, whose pictures are never touched; choose another place")
    if not path.resolve().parent.is_dir():
        raise SettingError(f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another")
    return path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place once the block is through, and vanishes if it fails.

    Raises
    ------
    LookalikeError
        The file could not be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.", suffix=".part")
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise LookalikeError(f"{path} could not be written: {error.strerror or error}") from error
