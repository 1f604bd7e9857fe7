"""Routes that show: the state of the library, its points, pictures, clusters, and what the model makes of them."""

import os
from collections.abc import Iterator
from functools import partial
from io import FileIO
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from lookalike.errors import ImageError
from lookalike.images import decode, encode_jpeg, read_whole
from lookalike.images.formats import ending
from lookalike.library import arrow_stream
from lookalike.pipeline import Library
from lookalike.pipeline.layouts import LAYOUTS
from lookalike.show import answers
from lookalike.show.served import Held, Served, opened
from lookalike.show.sheet import resized

TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {answers.ARROW: {}}}}
PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}
MOST_THUMBNAILS = 512
"""Thumbnails in one message."""
CHUNK = 256 << 10
"""Bytes of a file that are in memory at once."""
IMAGE_TYPES = {
    **dict.fromkeys(["jpg", "jpeg", "jpe", "jfif"], "image/jpeg"),
    **{kind: f"image/{kind}" for kind in ("png", "webp", "gif", "bmp", "avif", "tiff")},
    "tif": "image/tiff",
}
"""What a browser may show by itself; any other file is only to be saved."""
Row = Annotated[int, Path(ge=0, lt=2**31, description="Number of the image, as in /api/points.")]
Layout = Annotated[str, Path(description="pca, tsne, umap or grid")]
Length = Annotated[int, Query(ge=16, le=2048, description="Pixels of the longer side at most.")]


routes = APIRouter(prefix="/api")


@routes.get("/state")
def state(served: Held) -> dict[str, Any]:
    """What there is so far, and what is being done; cheap, to be asked again and again."""
    with served.reading() as library:
        return {**answers.state(library), "job": served.job}


@routes.get("/library")
def about(served: Held) -> dict[str, Any]:
    """Settings, seconds, versions and facts of all stages, and how the atlas of small pictures is laid out."""
    with served.reading() as library:
        return answers.about(library, served.atlas(library))


@routes.get("/points", response_class=Response, responses=TABLE)
def points(served: Held, request: Request) -> Response:
    """Every image, a row each, as an Arrow stream.

    file_name, label, cluster (−1 is none), width, height (pixels), rank (its place in the atlas, and in the order
    in which images come into view), and x, y on the map, once there is one.
    """
    with served.reading() as library:
        return _arrow(request, library.version, lambda: answers.points(library, np.arange(len(library.file_names))))


@routes.get("/layouts/{name}", response_class=Response, responses=TABLE)
def layout(served: Held, request: Request, name: Layout) -> Response:
    """Where a layout puts every image: x, y as an Arrow stream. Made when it is first asked for, then kept."""
    if name not in LAYOUTS:
        raise HTTPException(404, f"there is no layout {name!r}; there are {', '.join(LAYOUTS)}")
    with served.working("project") as library:
        table = answers.laid_out(library.project(name, progress=served.progress))
        return _arrow(request, f"{name}{library.version}", lambda: table)


@routes.get("/likeness", response_class=Response, responses=TABLE)
def likeness(served: Held, request: Request) -> Response:
    """How alike each image is to others, as an Arrow stream: strangeness, nearest, distance.

    strangeness is the mean distance to its ten nearest, larger is stranger; nearest is the row of its nearest.
    """
    with served.working("index") as library:
        key = library.made_from("index")
        return _arrow(request, key, lambda: served.once("likeness", key, lambda: answers.alike(*library.neighbors)))


@routes.get("/clusters")
def clusters(served: Held) -> dict[str, Any]:
    """The clusters: size, colour, typical images (rows), whether edited by hand; the evidence for their number."""
    with served.reading() as library:
        return served.once("clusters", library.version, lambda: answers.clusters(library))


@routes.get("/modularity")
def modularity(served: Held) -> dict[str, Any]:
    """The evidence for the number of clusters: k and modularity (−0.5 to 1, larger is better). May take a minute."""
    with served.working("cluster") as library:
        made_from = [library.made_from(stage) for stage in ("embeddings", "map")]
        key = (*made_from, library.settings.space, library.settings.method)
        return served.once(
            "modularity", key, lambda: answers.document(library.modularity(progress=served.progress).to_dict("list"))
        )


@routes.get("/atlas/{sheet}", response_class=Response, responses=PICTURE)
def atlas_sheet(served: Held, sheet: Annotated[int, Path(ge=0, lt=2**31)]) -> Response:
    """A sheet of the atlas: small square pictures in the order of rank."""
    with served.reading() as library:
        atlas = served.atlas(library)
    if sheet >= len(atlas):
        raise HTTPException(404, f"there is no sheet {sheet}; there are {len(atlas)}")
    return _jpeg(atlas.jpeg(sheet))


@routes.get("/thumbnails", response_class=Response, responses=TABLE)
def thumbnails(
    served: Held,
    request: Request,
    rows: Annotated[str, Query(max_length=8000, description="Rows, with commas between them, at most 512.")],
) -> Response:
    """Thumbnails, longest side 128 pixels, as an Arrow stream: row, jpeg."""
    wanted = _numbers(rows)
    with served.reading() as library:
        _check_rows(library, wanted)
        slots = library.slots
        pictures = [library.thumbnails.jpeg(int(slots[row])) for row in wanted]
    return _arrow(request, None, lambda: pd.DataFrame({"row": np.array(wanted, np.int32), "jpeg": pictures}))


@routes.get("/images/{row}")
def image(served: Held, row: Row) -> dict[str, Any]:
    """What is known of one image."""
    with served.reading() as library:
        _check_rows(library, [row])
        found = library.described.iloc[row].to_dict()
        return answers.document({"row": row, **found})


@routes.get("/images/{row}/thumbnail", response_class=Response, responses=PICTURE)
def thumbnail(served: Held, row: Row) -> Response:
    """The thumbnail of an image, longest side 128 pixels."""
    with served.reading() as library:
        _check_rows(library, [row])
        return _jpeg(library.thumbnails.jpeg(int(library.slots[row])))


@routes.get("/images/{row}/preview", response_class=Response, responses=PICTURE)
def preview(served: Held, row: Row, size: Length = 1024) -> Response:
    """The image as a JPEG of at most ``size`` pixels, the right way up; its thumbnail when its file is gone."""
    with served.reading() as library:
        _check_rows(library, [row])
        thumbnail = library.thumbnails.jpeg(int(library.slots[row]))
    try:
        return _jpeg(encode_jpeg(_reduced(whole_picture(served, row), size), 88))
    except ImageError:
        return _jpeg(thumbnail)


@routes.get("/images/{row}/file", response_class=Response, responses={206: {}, 416: {}})
def file(served: Held, row: Row, request: Request) -> Response:
    """The file itself, or the part of it that a Range header names; read in pieces of 256 KiB."""
    with served.reading() as library:
        _check_rows(library, [row])
        path = served.source(library, row)
        name = str(library.file_names[row])
    return _file(open(opened(path), "rb", buffering=0), name, request.headers.get("range"))


@routes.get("/images/{row}/reconstruction", response_class=Response, responses=PICTURE)
def reconstruction(served: Held, row: Row) -> Response:
    """Side by side: the image as the model sees it, and what it makes of it. 409 when the model has no decoder."""
    with served.reading() as library:
        _check_rows(library, [row])
        pixels = list(library.pixels([row]))
    seen, made = served.latest().reconstruct(pixels)
    return _jpeg(answers.side_by_side(seen[0], made[0]))


@routes.get("/walk", response_class=Response, responses=PICTURE)
def walk(
    served: Held,
    first: Annotated[int, Query(ge=0, lt=2**31)],
    second: Annotated[int, Query(ge=0, lt=2**31)],
    steps: Annotated[int, Query(ge=2, le=64)] = 24,
) -> Response:
    """A walk from one image to another through the code: its steps side by side in one strip."""
    with served.reading() as library:
        _check_rows(library, [first, second])
        ends = library.pixels([first, second])
    pictures = served.latest().between(ends[0], ends[1], steps)
    return _jpeg(encode_jpeg(np.concatenate(list(pictures), axis=1), 90))


@routes.get("/training")
def training(served: Held) -> dict[str, Any]:
    """The terms of the loss as the model was trained, what is doubtful of it, whether it turns codes into pictures."""
    return answers.training(served.latest())


@routes.get("/scores")
def scores(served: Held) -> dict[str, Any]:
    """How well clusters and search agree with the first sub-folders; ``reason`` says why there are no scores."""
    with served.working("score") as library:
        evaluate = partial(library.evaluate, progress=served.progress)
        return served.once("scores", library.version, lambda: answers.scores(evaluate))


def whole_picture(served: Served, row: int) -> np.ndarray:
    """An image from its file, uint8 (h, w, 3), reduced while decoding as far as a screen allows; ImageError."""
    with served.reading() as library:
        path = served.source(library, row)
    return decode(read_whole(path)[0], at_least=1024)


def _arrow(request: Request, version: Any, make: Any) -> Response:
    """A table; 304 when the browser has that version of it."""
    tag = f'"{version}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"} if version is not None else {"Cache-Control": "max-age=3600"}
    if version is not None and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(arrow_stream(make()), media_type=answers.ARROW, headers=headers)


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


def _reduced(pixels: np.ndarray, size: int) -> np.ndarray:
    return resized(pixels, size) if max(pixels.shape[:2]) > size else pixels


def _check_rows(library: Library, rows: list[int]) -> None:
    n = len(library.file_names)
    if not all(0 <= row < n for row in rows):
        raise HTTPException(404, f"there is no image {max(rows)}; there are {n}, from 0 on")


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if len(parts) > MOST_THUMBNAILS or not all(
        part.isascii() and part.isdecimal() and len(part) < 10 for part in parts
    ):
        raise HTTPException(422, f"rows must be 1 to {MOST_THUMBNAILS} whole numbers with commas between them")
    return [int(part) for part in parts]


def _file(file: FileIO, name: str, wanted: str | None) -> Response:
    length = os.fstat(file.fileno()).st_size
    wanted = wanted if wanted and wanted.startswith("bytes=") else None
    first, last = _part(wanted, length)
    kind = IMAGE_TYPES.get(ending(os.fsencode(name)))
    headers = {"Accept-Ranges": "bytes", "Content-Security-Policy": "sandbox; default-src 'none'"}
    if kind is None:
        headers["Content-Disposition"] = "attachment"
    if first > last and length:
        file.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{length}"})
    headers["Content-Length"] = str(last - first + 1)
    if wanted is not None and length:
        headers["Content-Range"] = f"bytes {first}-{last}/{length}"
    stream = _pieces(file, first, last - first + 1)
    status = 206 if "Content-Range" in headers else 200
    return StreamingResponse(stream, status, headers, media_type=kind or "application/octet-stream")


def _part(wanted: str | None, length: int) -> tuple[int, int]:
    """First and last byte of one range; (1, 0) when it cannot be had. Several ranges are read as the first."""
    if wanted is None:
        return 0, length - 1
    start, dash, end = wanted.removeprefix("bytes=").split(",")[0].strip().partition("-")
    if not dash or not all(
        part == "" or (part.isascii() and part.isdecimal() and len(part) < 19) for part in (start, end)
    ):
        return 1, 0
    if not start:
        return (max(length - int(end), 0), length - 1) if end and int(end) else (1, 0)
    return (int(start), min(int(end), length - 1) if end else length - 1) if int(start) < length else (1, 0)


def _pieces(file: FileIO, start: int, left: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece
