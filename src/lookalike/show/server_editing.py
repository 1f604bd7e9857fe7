"""Routes that change the library's clusters. Each change is in the library when the answer comes."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Header, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from lookalike.pipeline import Library
from lookalike.show.served import Held, Served

Cluster = Annotated[int, Field(ge=-1, lt=2**31)]
Numbered = Annotated[int, Path(ge=0, lt=2**31)]
Name = Annotated[str, Field(max_length=400)]
Rows = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=2_000_000)]
IfMatch = Annotated[str | None, Header(description="The version of the library that the change is meant for.")]


class Body(BaseModel):
    """What a request says; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Again(Body):
    """How to cluster again."""

    n_clusters: Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"]
    method: Literal["kmeans", "gmm", "hdbscan", "ward"] | None = None
    space: Literal["embedding", "manifold", "map"] | None = None


class Renaming(Body):
    """A cluster's new name."""

    name: Name


class Merging(Body):
    """Clusters that become one, which takes the number of the first."""

    clusters: Annotated[list[Cluster], Field(min_length=2, max_length=10_000)]
    name: Name | None = None


class Splitting(Body):
    """Into how many parts."""

    n_clusters: Annotated[int, Field(ge=2, le=1_000)] = 2


class Moving(Body):
    """Images and where they go: a cluster, −1 for none, or null for a new one."""

    rows: Rows
    cluster: Cluster | None = None
    name: Name | None = None


class Releasing(Body):
    """Clusters that the next clustering may sort anew."""

    clusters: Annotated[list[Cluster], Field(min_length=1, max_length=10_000)]


class Changed(Body):
    """What was done, and the library's version since."""

    did: str
    version: int


routes = APIRouter(prefix="/api/clusters")


def _change(served: Served, if_match: str | None, do: Callable[[Library], Any]) -> Changed:
    with served.working("cluster", changes=True) as library:
        if if_match is not None and if_match.strip('"') != str(library.version):
            raise HTTPException(412, "the library has changed meanwhile; look at it again, then repeat the change")
        do(library)
        done = library.edits
        return Changed(did=done[-1] if done else "clustered again", version=library.version)


@routes.post("")
def again(served: Held, body: Again, if_match: IfMatch = None) -> Changed:
    """Clusters again, without encoding again; clusters that were edited by hand stay as they are."""
    settings = body.model_dump(exclude_none=True)
    return _change(served, if_match, lambda library: library.cluster(progress=served.progress, **settings))


@routes.post("/merge")
def merge(served: Held, body: Merging, if_match: IfMatch = None) -> Changed:
    """Makes several clusters one."""
    return _change(served, if_match, lambda library: library.merge(body.clusters, body.name))


@routes.post("/move")
def move(served: Held, body: Moving, if_match: IfMatch = None) -> Changed:
    """Puts images into another cluster, or a new one."""
    rows = np.array(body.rows, np.int64)
    return _change(served, if_match, lambda library: library.move(rows, body.cluster, body.name))


@routes.post("/release")
def release(served: Held, body: Releasing, if_match: IfMatch = None) -> Changed:
    """Lets the next clustering sort clusters anew that were edited by hand."""
    return _change(served, if_match, lambda library: library.release(body.clusters))


@routes.post("/undo")
def undo(served: Held, if_match: IfMatch = None) -> Changed:
    """Takes the last edit back. 409 when there is none."""
    did = ""

    def take_back(library: Library) -> None:
        nonlocal did
        did = library.undo()

    return _change(served, if_match, take_back).model_copy(update={"did": did})


@routes.patch("/{cluster}")
def rename(served: Held, cluster: Numbered, body: Renaming, if_match: IfMatch = None) -> Changed:
    """Calls a cluster by another name."""
    return _change(served, if_match, lambda library: library.rename(cluster, body.name))


@routes.post("/{cluster}/split")
def split(served: Held, cluster: Numbered, body: Splitting, if_match: IfMatch = None) -> Changed:
    """Divides a cluster; the largest part keeps its number and its name."""
    return _change(served, if_match, lambda library: library.split(cluster, body.n_clusters))
