"""Routes that give a selection of images away: as a table, as an archive, as a folder of links."""

import zipfile
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Path, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from lookalike.errors import ImageError
from lookalike.show.exporting import link_images, safe_name, selected_table, unique_names
from lookalike.show.served import Held, Served, opened
from lookalike.show.server_editing import Body, Rows

CHUNK = 1 << 20
"""Bytes of a file that are in memory at once."""
Selected = Annotated[str, Path(pattern="^[0-9a-f]{20}$", description="The name that /api/selections gave.")]
TABLES = {".csv": "text/csv; charset=utf-8", ".jsonl": "application/jsonl; charset=utf-8"}


class Selecting(Body):
    """Images, by their rows."""

    rows: Rows


class Selection(Body):
    """A name for a selection, the same for the same rows; the latest 64 are known."""

    id: str
    images: int


class Linking(Body):
    """What the folder is to be called."""

    name: Annotated[str, Field(min_length=1, max_length=120)]


class Linked(Body):
    """Where the folder is, and how many links are in it."""

    path: str
    images: int


routes = APIRouter(prefix="/api/selections")


def _rows(served: Served, name: str) -> np.ndarray:
    rows = served.selection(name)
    with served.reading() as library:
        if rows is None or rows[-1] >= len(library.file_names):
            raise HTTPException(404, "this selection is not known any more; make it again")
    return rows


@routes.post("")
def select(served: Held, body: Selecting) -> Selection:
    """Remembers a selection, to be saved."""
    rows = np.unique(np.array(body.rows, np.int64))
    with served.reading() as library:
        if rows[-1] >= (n := len(library.file_names)):
            raise HTTPException(404, f"there is no image {rows[-1]}; there are {n}, from 0 on")
    return Selection(id=served.remember(rows), images=len(rows))


@routes.get("/{name}.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def csv(served: Held, name: Selected) -> Response:
    """The selection as CSV: the columns of `lookalike export`."""
    return _table(served, name, ".csv")


@routes.get("/{name}.jsonl", response_class=Response, responses={200: {"content": {"application/jsonl": {}}}})
def jsonl(served: Held, name: Selected) -> Response:
    """The selection as JSON lines, embeddings among them."""
    return _table(served, name, ".jsonl")


def _table(served: Served, name: str, ending: str) -> Response:
    rows = _rows(served, name)
    with served.reading() as library:
        data = selected_table(library, rows, ending)
    return Response(data, media_type=TABLES[ending], headers=_saved_as(f"selection{ending}"))


@routes.get("/{name}.zip", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def archive(served: Held, name: Selected) -> Response:
    """The selection's files, as they are, in one archive; files that are gone are left out and listed in it."""
    rows = _rows(served, name)
    with served.reading() as library:
        names = unique_names(library.file_names[rows])
    stream = _zipped(served, rows, names)
    return StreamingResponse(stream, media_type="application/zip", headers=_saved_as("selection.zip"))


@routes.post("/{name}/links")
def links(served: Held, name: Selected, body: Linking) -> Linked:
    """Makes a folder of symbolic links to the files, in the folder where the server was started."""
    rows = _rows(served, name)
    with served.reading() as library:
        target = FilePath.cwd() / safe_name(body.name)
        return Linked(path=str(target), images=link_images(library, rows, target))


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


class _Pipe:
    """What zipfile writes to, and the answer takes from: nothing is collected."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


def _zipped(served: Served, rows: np.ndarray, names: list[str]) -> Iterator[bytes]:
    pipe, gone = _Pipe(), []
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for row, name in zip(rows.tolist(), names, strict=True):
            try:
                with served.reading() as library:
                    source = opened(served.source(library, row))
            except ImageError as error:
                gone.append(f"{name}: {error}")
                continue
            with (
                open(source, "rb", buffering=0) as file,
                archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry,
            ):
                while piece := file.read(CHUNK):
                    entry.write(piece)
                    yield pipe.taken()
        if gone:
            archive.writestr("left out.txt", "\n".join(gone))
        yield pipe.taken()
    yield pipe.taken()
