"""Find the pictures below a folder: by ending and by content, through links without loops, with stable names."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookalike.errors import FolderError, ImageError
from lookalike.images.formats import HEAD_BYTES, HEIC_ADVICE, advice, ending, heic_is_read, is_picture_ending, sniff
from lookalike.images.reading import open_regular

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[..., None]
_Directory = tuple[bytes, bytes]  # where it is, and its path relative to the folder with a slash at the end
_PROGRESS_EVERY = 1000


@dataclass(frozen=True)
class Scan:
    """What lies below a folder; every file is counted once, in one of the three.

    Attributes
    ----------
    candidates : DataFrame
        Files to decode, sorted by `file_name`: `file_name` (str, POSIX path relative to the folder, valid UTF-8,
        unique), `path` (bytes, the same as the file system has it), `bytes` (int64), `mtime_ns` (int64).
    skipped : DataFrame
        `file_name`, `reason`: files (and folders, with a slash at the end) that could not even be opened, and
        picture-like files of kinds that are not read.
    other_files : int
        Files that neither by ending nor by content are pictures.
    """

    candidates: pd.DataFrame
    skipped: pd.DataFrame
    other_files: int


@dataclass
class _Findings:
    candidates: list[tuple[bytes, int, int]] = field(default_factory=list)
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    other_files: int = 0

    def __len__(self) -> int:
        return len(self.candidates) + len(self.skipped) + self.other_files


def scan(folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Scan:
    """List the pictures below a folder, recursively, hidden ones too, and write nothing.

    A file is a candidate when its ending is one of a picture or its first bytes are. Symbolic links are followed,
    after everything that is really there; every real directory is visited once, and no link leads to a directory that
    holds the folder itself. A folder that is a Lookalike library is not entered. The time is that of listing the
    folders and one `stat` a file; only files without a known ending are opened, for `HEAD_BYTES` bytes.

    Parameters
    ----------
    folder : path
    progress : callable, optional
        Called as ``progress("scan", found, 0)`` every thousand files; the total is not known.

    Raises
    ------
    FolderError
        The folder is missing, no folder, cannot be listed, or is a Lookalike library.
    """
    root = os.fsencode(folder)
    _check_root(root)
    findings = _Findings()
    reported = 0
    for where, prefix, entries in _walk(root, findings):
        for entry in entries:
            _judge(entry, prefix + entry.name, findings)
        if progress and len(findings) - reported >= _PROGRESS_EVERY:
            reported = len(findings)
            progress("scan", reported, 0, note=os.fsdecode(where).encode("utf-8", "replace").decode())
    if progress:
        progress("scan", len(findings), len(findings))
    return _tables(findings)


def _check_root(root: bytes) -> None:
    name = os.fsdecode(root)
    if not os.path.exists(root):
        raise FolderError(f"{name} does not exist; expected a folder of pictures.")
    if not os.path.isdir(root):
        raise FolderError(f"{name} is a file; expected a folder of pictures.")
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise FolderError(f"{name} cannot be listed ({error.strerror}); check its permissions.") from error
    if _is_library(root):
        raise FolderError(f"{name} is a Lookalike library; expected the folder of pictures that it was built from.")


def _walk(root: bytes, findings: _Findings) -> Iterator[tuple[bytes, bytes, list[os.DirEntry[bytes]]]]:
    """Every directory once, with its entries that are no directories: first the real ones, then the linked ones."""
    real: list[_Directory] = [(root, b"")]
    linked: list[_Directory] = []
    visited = _ancestors(root)
    while real or linked:
        if not real:
            linked.sort(reverse=True)
            real.append(linked.pop())
        where, prefix = real.pop()
        try:
            state = os.stat(where)
            if (state.st_dev, state.st_ino) in visited:
                continue
            visited.add((state.st_dev, state.st_ino))
            entries = _list(where)
        except OSError as error:
            findings.skipped.append((prefix, f"the folder cannot be listed: {error.strerror}"))
            continue
        if prefix and any(entry.name == b"library.json" for entry in entries) and _is_library(where):
            continue
        files = []
        for entry in entries:
            if not _is_directory(entry):
                files.append(entry)
            else:
                (linked if entry.is_symlink() else real).append((entry.path, prefix + entry.name + b"/"))
        yield where, prefix, files


def _list(where: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(where) as entries:
        return list(entries)


def _ancestors(root: bytes) -> set[tuple[int, int]]:
    """The identities of the directories that hold the folder: a link to one of them is a loop."""
    found = set()
    here = os.path.realpath(root)
    while (parent := os.path.dirname(here)) != here:
        state = os.stat(parent)
        found.add((state.st_dev, state.st_ino))
        here = parent
    return found


def _is_directory(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _is_library(where: bytes) -> bool:
    try:
        with open(open_regular(os.path.join(where, b"library.json")), "rb") as file:
            header = json.loads(file.read(1 << 20))
    except (OSError, ImageError, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and header.get("format") == "lookalike"


def _judge(entry: os.DirEntry[bytes], path: bytes, findings: _Findings) -> None:
    """Put one file where it belongs: among the candidates, the skipped or the others."""
    name_ending = ending(entry.name)
    unread = advice(name_ending)
    picture_like = unread is not None or is_picture_ending(name_ending)
    try:
        state = entry.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ImageError(f"not a regular file but {_kind(state.st_mode)}")
        if unread or not picture_like:
            announced = _sniff_file(entry.path) if state.st_size else None
            if announced == "HEIC" and not heic_is_read():
                picture_like, unread = True, HEIC_ADVICE
            elif announced and not (unread and announced == "TIFF"):  # raw camera files begin like TIFF
                picture_like, unread = True, None
        if picture_like and not unread:
            _check_readable(entry.path, state)
    except (OSError, ImageError) as error:
        unread = _reason(error, entry)
    if not picture_like:
        findings.other_files += 1
    elif unread:
        findings.skipped.append((path, unread))
    else:
        findings.candidates.append((path, state.st_size, state.st_mtime_ns))


def _check_readable(path: bytes, state: os.stat_result) -> None:
    if state.st_size == 0:
        raise ImageError("the file is empty")
    everybody_may = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
    if state.st_mode & everybody_may != everybody_may and not os.access(path, os.R_OK):
        raise ImageError("no permission to read it")


def _sniff_file(path: bytes) -> str | None:
    with open(open_regular(path), "rb", buffering=0) as file:
        return sniff(file.read(HEAD_BYTES))


def _reason(error: OSError | ImageError, entry: os.DirEntry[bytes]) -> str:
    if isinstance(error, ImageError):
        return str(error)
    if entry.is_symlink() and not os.path.exists(entry.path):
        return "broken link"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"it cannot be opened: {error.strerror}"


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "something else")


def _tables(findings: _Findings) -> Scan:
    import pandas as pd

    names = shown_names([path for path, *_ in findings.candidates] + [path for path, _ in findings.skipped])
    n = len(findings.candidates)
    candidates = pd.DataFrame(
        {
            "file_name": pd.Series(names[:n], dtype="str"),
            "path": pd.Series([path for path, _, _ in findings.candidates], dtype="object"),
            "bytes": pd.Series([size for _, size, _ in findings.candidates], dtype="int64"),
            "mtime_ns": pd.Series([mtime for _, _, mtime in findings.candidates], dtype="int64"),
        }
    )
    skipped = pd.DataFrame(
        {
            "file_name": pd.Series(names[n:], dtype="str"),
            "reason": pd.Series([reason for _, reason in findings.skipped], dtype="str"),
        }
    )
    return Scan(_sorted(candidates), _sorted(skipped), findings.other_files)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("file_name", kind="stable", ignore_index=True)


def shown_names(paths: list[bytes]) -> list[str]:
    r"""Paths as text: UTF-8 as it is, other bytes as backslash escapes (``not_utf8_\xe9.jpg``); all different.

    A name with escapes that equals the true name of another file gets ``~2``, ``~3``, ... at its end.
    """
    shown: list[str | None] = []
    for path in paths:
        try:
            shown.append(path.decode("utf-8"))
        except UnicodeDecodeError:
            shown.append(None)
    taken = {name for name in shown if name is not None}
    for at in sorted((i for i, name in enumerate(shown) if name is None), key=paths.__getitem__):
        escaped = name = paths[at].decode("utf-8", "backslashreplace")
        number = 1
        while name in taken:
            number += 1
            name = f"{escaped}~{number}"
        taken.add(name)
        shown[at] = name
    return [name for name in shown if name is not None]
