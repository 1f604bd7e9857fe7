"""Routes that search: with an image of the library, with any other picture, or with a region of one."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict

from lookalike.errors import ImageError
from lookalike.images import decode
from lookalike.pipeline import Library
from lookalike.show.served import Held, Served
from lookalike.show.server_reading import whole_picture

MOST_UPLOAD = 64 << 20
"""Bytes of an uploaded picture."""
PICTURE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Share = Annotated[float, Query(ge=0, le=1)]
Count = Annotated[int, Query(ge=1, le=1000, description="How many matches.")]


class Region:
    """A part of a picture: its left and upper edge, width and height as shares of the picture's."""

    def __init__(self, left: Share = 0, top: Share = 0, width: Share = 1, height: Share = 1) -> None:
        self.left, self.top, self.width, self.height = left, top, width, height

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the picture."""
        return (self.left, self.top, self.width, self.height) == (0, 0, 1, 1)

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """The part of pixels (h, w, 3), at least one pixel of them."""
        lines, columns = pixels.shape[:2]
        top, left = min(int(self.top * lines), lines - 1), min(int(self.left * columns), columns - 1)
        bottom, right = round((self.top + self.height) * lines), round((self.left + self.width) * columns)
        return np.ascontiguousarray(pixels[top : max(top + 1, bottom), left : max(left + 1, right)])


class Match(BaseModel):
    """A found image: its row, name, distance from the query (0 is the same, 2 the opposite) and cluster."""

    model_config = ConfigDict(extra="forbid")
    row: int
    file_name: str
    distance: float
    cluster: int


routes = APIRouter(prefix="/api")


@routes.get("/images/{row}/matches")
def matches(
    served: Held, row: Annotated[int, Path(ge=0, lt=2**31)], region: Annotated[Region, Depends()], n: Count = 60
) -> list[Match]:
    """The images that look most like one of the library, or a region of it; it comes first itself."""
    with served.reading() as library:
        if row >= len(library.file_names):
            raise HTTPException(404, f"there is no image {row}; there are {len(library.file_names)}, from 0 on")
        if region.is_whole:
            return _matches(library, np.array(library.embeddings[row : row + 1]), n)
    return _by_pixels(served, region.of(whole_picture(served, row)), n)


@routes.post("/find", openapi_extra=PICTURE)
async def find(served: Held, request: Request, region: Annotated[Region, Depends()], n: Count = 60) -> list[Match]:
    """The images that look most like the picture in the body, a file of any kind that is read, up to 64 MiB."""
    from starlette.concurrency import run_in_threadpool

    data = await _body(request)
    return await run_in_threadpool(lambda: _by_pixels(served, region.of(decode(data, at_least=1024)), n))


async def _body(request: Request) -> bytes:
    """The whole body, unless it is too long."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_UPLOAD:
            raise HTTPException(413, f"the picture is larger than {MOST_UPLOAD >> 20} MiB; send a smaller one")
    if not data:
        raise ImageError("the file is empty")
    return bytes(data)


def _by_pixels(served: Served, pixels: np.ndarray, n: int) -> list[Match]:
    made = served.latest().encode(pixels, average=False)  # others may read meanwhile
    with served.reading() as library:
        return _matches(library, library.averaged(made), n)


def _matches(library: Library, embedding: np.ndarray, n: int) -> list[Match]:
    rows, distances = library.index.search(embedding, n)
    clusters = library.clusters if library.building()["stages"]["clusters"] else np.full(len(library.file_names), -1)
    return [
        Match(
            row=int(row), file_name=str(library.file_names[row]), distance=float(distance), cluster=int(clusters[row])
        )
        for row, distance in zip(rows[0], distances[0], strict=True)
    ]
