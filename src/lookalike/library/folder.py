"""What stays on disk between stages: one folder, one header, one version number (docs/design/library-format.md).

A stage commits whole or not at all: its files are written under names that nobody refers to yet, then ``library.json``
is replaced by one that does. Whatever the header does not name does not exist, and is swept away by the next writer.
"""

import errno
import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lookalike.errors import LibraryError, LibraryVersionError
from lookalike.library.lock import LOCK, is_locked, locked, without_links
from lookalike.library.tables import DAMAGED, as_columns, read_table

if TYPE_CHECKING:
    import pandas

FORMAT, VERSION = "lookalike", 1
HEADER, FRESH = "library.json", "library.json.new"
MAX_HEADER = 64 << 20
"""Bytes: a longer header is not read."""
WORKING, TRAINING = "working", "training"
"""Sub-folders that no stage owns: the working copy with the thumbnails, and the state of a training under way."""
COPY = re.compile(rf"{WORKING}(-[0-9]{{1,18}})?")
"""What a working copy may be called: the header names the one that counts, and an update makes another."""
ROOTS = ("images", "model", "embeddings")
"""Stages that every answer rests on: with another of these it is another library."""

BY_HAND = ("edits",)
"""Stages that no build makes again."""

Content = Any  # a DataFrame, an array, or a callable that fills a folder
Result = TypeVar("Result")


def fingerprint(*parts: Any) -> str:
    """A short name for what a stage was made from: equal parts, equal name. Parts are whatever JSON can hold."""
    return blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()


class Stage(NamedTuple):
    """What a stage puts into a library: contents by their names, a fingerprint, facts, seconds; as in `commit`."""

    contents: Mapping[str, Content]
    made_from: str
    facts: Mapping[str, Any]
    seconds: float = 0.0


class LibraryFolder:
    """A library on disk: its header in memory, its tables and arrays read when asked for.

    The header is the snapshot that this object shows; ``refresh`` reads it again. Nothing in a library is unpickled,
    and no link in it is followed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.header = _read_header(self.path)
        self._held = False

    @classmethod
    def create(cls, path: str | Path, folder: str | Path) -> "LibraryFolder":
        """The library at ``path`` for the pictures in ``folder``, a new one where there is none yet.

        LibraryError when something else is there, or nothing can be written there.
        """
        path = Path(path)
        if not (path / HEADER).exists():
            if path.exists() and (not path.is_dir() or {entry.name for entry in path.iterdir()} - {FRESH, LOCK}):
                raise LibraryError(f"{path} exists and is not a library; choose another place")
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LibraryError(f"{path} cannot be made ({error.strerror}); choose another place") from error
            with locked(path):
                if not (path / HEADER).exists():
                    header = {"format": FORMAT, "format_version": VERSION, "generation": 0, "stages": {}}
                    times = {"created": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "folder": str(Path(folder).resolve())}
                    _write_header(path, {**header, **times})
        return cls(path)

    @property
    def folder(self) -> Path:
        """The pictures' folder, as it was when the library was made."""
        return Path(self.header["folder"])

    @property
    def working(self) -> Path:
        """Where the working copy and the thumbnails lie; deletable. LibraryError when it leads elsewhere."""
        return without_links(self.path / str(self.header.get("working", WORKING)))

    @property
    def next_working(self) -> Path:
        """Where another working copy can be made while this one is in use, until anything else is committed.

        No name is used twice, so that who still reads an older copy cannot take this one for it. LibraryError when it
        leads elsewhere.
        """
        return without_links(self.path / self._next_working)

    @property
    def _next_working(self) -> str:
        return f"{WORKING}-{self.header['generation'] + 1}"

    @property
    def training(self) -> Path:
        """Where an unfinished training keeps its state. LibraryError when it leads elsewhere."""
        return without_links(self.path / TRAINING)

    def refresh(self) -> None:
        """Takes up what others have committed since."""
        self.header = _read_header(self.path)

    def has(self, stage: str, made_from: str | None = None) -> bool:
        """Whether the stage is committed, and from what ``made_from`` names when that is given."""
        record = self.header["stages"].get(stage)
        return record is not None and (made_from is None or record["made_from"] == made_from)

    def is_whole(self, stage: str) -> bool:
        """Whether all that a committed stage keeps is there and can be read, of a folder whether it is there; true of
        what the machine does not let one read (permissions, a disk that fails), for that may be good."""
        for name, file in self._record(stage)["files"].items():
            read = {".parquet": self.columns, ".npy": self.array}.get(Path(file).suffix, self.place)
            try:
                read(name, stage)
            except LibraryError as error:
                why = error.__cause__
                if not isinstance(why, OSError) or why.errno in (None, errno.ENOENT):
                    return False
        return True

    def holds(self, name: str, stage: str) -> bool:
        """Whether the stage is committed and keeps something of this name."""
        return self.has(stage) and name in self._record(stage)["files"]

    def facts(self, stage: str) -> dict[str, Any]:
        """What the stage noted of itself; LibraryError when it is not committed."""
        facts: dict[str, Any] = self._record(stage)["facts"]
        return facts

    def made_from(self, stage: str) -> str:
        """The fingerprint of what the stage was made from."""
        return str(self._record(stage)["made_from"])

    def seconds(self) -> dict[str, float]:
        """How long each committed stage took."""
        return {stage: record["seconds"] for stage, record in self.header["stages"].items()}

    def table(self, name: str, stage: str) -> "pandas.DataFrame":
        """The table ``name`` of a committed stage; LibraryError when it is not as long as the stage's facts say."""
        rows = self.facts(stage).get(name)
        return self._read(stage, name, lambda path: read_table(path, rows).to_pandas())

    def columns(self, name: str, stage: str) -> dict[str, np.ndarray]:
        """The columns of the table ``name`` of a committed stage, objects for text and bytes; pandas is not loaded."""
        rows = self.facts(stage).get(name)
        return self._read(stage, name, lambda path: as_columns(read_table(path, rows)))

    def array(self, name: str, stage: str) -> np.ndarray:
        """The array ``name`` of a committed stage, mapped into memory, read only."""
        return self._read(stage, name, lambda path: np.load(path, mmap_mode="r", allow_pickle=False))

    def place(self, name: str, stage: str) -> Path:
        """The folder ``name`` of a committed stage; LibraryError when a link in it leads elsewhere."""
        return self._read(stage, name, without_links)

    def _record(self, stage: str) -> dict[str, Any]:
        if stage not in self.header["stages"]:
            wait = "it is being written to, wait until that is done"
            then = wait if self.is_busy() else f"`{self._again}` goes on"
            raise LibraryError(f"{self.path} is not built that far ({stage} is missing); {then}")
        record: dict[str, Any] = self.header["stages"][stage]
        return record

    @property
    def _again(self) -> str:
        """The command that builds it."""
        return f"lookalike build {shlex.quote(str(self.header['folder']))} -o {shlex.quote(str(self.path))}"

    def _read(self, stage: str, name: str, read: Callable[[Path], Result]) -> Result:
        """Reads a file of a stage; once more from a fresh header when a writer replaced it in between."""
        for attempt in (1, 2):
            try:
                path = self.path / self._record(stage)["files"][name]
                if path.is_symlink() or not (path.is_file() or path.is_dir()):
                    raise FileNotFoundError(f"{path.name} is missing")
                return read(path)
            except DAMAGED as error:
                if attempt == 2 or not isinstance(error, FileNotFoundError):
                    advice = "restore it" if stage in BY_HAND else f"`{self._again}` makes it anew"
                    what = f"{name} of stage {stage} cannot be read ({error})"
                    raise LibraryError(f"{self.path}: {what}; {advice}") from error
                self._go_on()
        raise AssertionError("unreachable")

    def _go_on(self) -> None:
        """Takes up what others have committed since, unless it is another library than what was read so far."""
        fresh = _read_header(self.path)
        before, after = self.header["stages"], fresh["stages"]
        if any(_name(before, stage) not in (None, _name(after, stage)) for stage in ROOTS):
            raise LibraryError(f"{self.path}: the library was rebuilt; open it again")
        self.header = fresh

    def is_busy(self) -> bool:
        """Whether somebody else writes to it."""
        return not self._held and is_locked(self.path)

    @contextmanager
    def writing(self, patience: float = 1.0) -> Iterator[None]:
        """Holds the library for writing; LibraryBusyError when another does so for longer than ``patience`` seconds."""
        with locked(self.path, patience):
            self._held = True
            try:
                self.refresh()
                self._sweep()
                for place in (self.working, self.next_working, self.training):
                    for folder, _, _ in os.walk(place):
                        without_links(Path(folder))
                yield
            finally:
                self._held = False

    def commit(
        self,
        stage: str,
        contents: Mapping[str, Content],
        *,
        made_from: str,
        facts: Mapping[str, Any] | None = None,
        seconds: float = 0.0,
        drops: Iterable[str] = (),
    ) -> None:
        """Puts a stage's results into the library, all of them or, when interrupted, none.

        ``contents`` maps names to a DataFrame (kept as Parquet), an array (``.npy``), or a callable that fills the
        folder it is given. The stages ``drops``, which rest on what this one replaces, leave the library in the same
        step. Call it inside ``writing``.
        """
        self.commit_together({stage: Stage(contents, made_from, dict(facts or {}), seconds)}, drops=drops)

    def commit_together(self, stages: Mapping[str, "Stage"], *, drops: Iterable[str] = (), **entries: Any) -> None:
        """As `commit`, several stages in one step, and with them ``entries`` of the header."""
        generation = self.header["generation"]
        kept = {stage: record for stage, record in self.header["stages"].items() if stage not in set(drops)}
        for stage, (contents, made_from, facts, seconds) in stages.items():
            generation += 1  # so that two stages may have contents of one name
            files = {name: self._write(f"{name}-{generation}", content) for name, content in contents.items()}
            facts = dict(facts)
            kept[stage] = {"made_from": made_from, "files": files, "facts": facts, "seconds": round(seconds, 3)}
        self._put(generation=generation, stages=kept, **entries)
        self._sweep()

    def note(self, **entries: Any) -> None:
        """Keeps entries in the header beside the stages. Call it inside ``writing``."""
        self._put(**entries)

    def forget(self, *stages: str) -> None:
        """Takes stages out of the library. Call it inside ``writing``."""
        kept = {stage: record for stage, record in self.header["stages"].items() if stage not in stages}
        self._put(stages=kept)
        self._sweep()

    def give_up(self) -> None:
        """Takes a library away of which nothing was built yet. Call it inside ``writing``, as the last thing."""
        self.refresh()
        if not self.header["stages"]:
            (self.path / HEADER).unlink()
            shutil.rmtree(self.working, ignore_errors=True)
            with suppress(OSError):  # where the lock cannot go while it is held, or something else is there
                (self.path / LOCK).unlink()
                self.path.rmdir()

    def _put(self, **entries: Any) -> None:
        """Replaces entries of the header, on disk first: what could not be written is not shown either."""
        header = {**self.header, **entries}
        _write_header(self.path, header)
        self.header = header

    def _write(self, name: str, content: Content) -> str:
        for path in (self.path / name, self.path / f"{name}.npy", self.path / f"{name}.parquet"):
            without_links(path)
        if callable(content):
            content(self.path / name)
        elif isinstance(content, np.ndarray):
            name += ".npy"
            np.save(self.path / name, content, allow_pickle=False)
        else:
            import pyarrow
            import pyarrow.parquet

            name += ".parquet"
            pyarrow.parquet.write_table(
                pyarrow.Table.from_pandas(content, preserve_index=False), self.path / name, compression="zstd"
            )
        _flush(self.path / name)
        return name

    def _sweep(self) -> None:
        """Removes what the header does not name: replaced files, and what an interrupted writer left."""
        named = {file for record in self.header["stages"].values() for file in record["files"].values()}
        named |= {HEADER, TRAINING, LOCK, str(self.header.get("working", WORKING)), self._next_working}
        for path in self.path.iterdir():
            if path.name in named:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):  # where it cannot go while somebody reads it, the next writer tries again
                    path.unlink(missing_ok=True)


def _name(stages: Mapping[str, Any], stage: str) -> tuple[Any, ...] | None:
    """What tells one commit of a stage from another."""
    return (stages[stage]["made_from"], stages[stage]["files"]) if stage in stages else None


def _flush(path: Path) -> None:
    """Has the operating system put a file, or a folder's files, on the disk."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _write_header(path: Path, header: dict[str, Any]) -> None:
    fresh = path / FRESH
    fresh.unlink(missing_ok=True)
    with fresh.open("x", encoding="utf-8") as file:
        json.dump(header, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path / HEADER)


def _read_header(path: Path) -> dict[str, Any]:
    file = path / HEADER
    if not file.is_file():
        why = f"it has no {HEADER}" + ("" if path.exists() else "; there is nothing of that name")
        beside = path.absolute().parent / f"{path.absolute().name}.lookalike"
        what_to_do = f"did you mean {beside}?" if beside.is_dir() else "make one with `lookalike build FOLDER`"
        raise LibraryError(f"{path} is not a library ({why}); {what_to_do}")
    try:
        if file.stat().st_size > MAX_HEADER:
            raise ValueError(f"it is larger than {MAX_HEADER} bytes")
        header = json.loads(file.read_text(encoding="utf-8"))
        _check_header(header)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LibraryError(f"{file} is damaged ({error}); build the library again in another place") from error
    if header["format_version"] > VERSION:
        raise LibraryVersionError(
            f"{path} has format {header['format_version']}, this version reads up to {VERSION}; update Lookalike"
        )
    return dict(header)


def _check_header(header: Any) -> None:
    """What a stranger's header must look like; above all, no file of it may lie outside the library."""
    if header["format"] != FORMAT or not isinstance(header["format_version"], int):
        raise ValueError(f"format {header['format']!r}, not {FORMAT!r}")
    if header["format_version"] > VERSION:
        return
    if not all(isinstance(header[key], str) for key in ("folder", "created")):
        raise ValueError("folder or created is not a text")
    if not isinstance(header["generation"], int) or not isinstance(header.get("settings", {}), dict):
        raise ValueError("generation or settings is of a wrong type")
    if not COPY.fullmatch(header.get("working", WORKING)):
        raise ValueError("the working copy has another name than it can have")
    for stage, record in header["stages"].items():
        if not isinstance(record["facts"], dict) or not isinstance(record["made_from"], str):
            raise ValueError(f"stage {stage} is not described")
        if not isinstance(record["seconds"], (int, float)):
            raise ValueError(f"stage {stage} does not say how long it took")
        for name in record["files"].values():
            if name != Path(name).name or name in {"", ".", ".."} or "\\" in name or "\0" in name:
                raise ValueError(f"stage {stage} names a file outside the library")
