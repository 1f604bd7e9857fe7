"""The arguments and options that several commands take, and the names that can be chosen.

The names stand here once more, because the parts that know them load PyTorch; a test holds them together.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

Model = StrEnum("Model", ["siamese-vae", "siamese", "vae", "sparse-ae", "ae", "talk", "keypoints", "pixels"])
Projection = StrEnum("Projection", ["tsne", "umap", "pca"])
Method = StrEnum("Method", ["kmeans", "gmm", "hdbscan", "ward"])
Space = StrEnum("Space", ["embedding", "manifold", "map"])
Fit = StrEnum("Fit", ["squash", "pad", "crop"])
Device = StrEnum("Device", ["auto", "cpu", "cuda", "mps"])
Difference = StrEnum("Difference", ["flip", "rotation", "color", "crop", "scale"])
TAKEN_BACK = object()
"""What is given instead of a number, so that the library forgets an earlier one."""
How = StrEnum("How", ["copy", "link"])
Target = StrEnum("Target", ["folders"])


def listed(names: type[StrEnum]) -> str:
    """The names, for a help text."""
    return ", ".join(names)


ELSEWHERE = "hf:NAME_OR_FOLDER, FILE.onnx, FILE.parquet, FILE.npy"
"""How models from elsewhere are named."""


def model_name(text: str) -> str:
    """A model's name, of one's own or from elsewhere; whether its files are there is found out later."""
    from lookalike.learn import elsewhere

    if text not in list(Model) and not elsewhere.kind(text):
        raise typer.BadParameter(f"{text!r} is not one of {listed(Model)}, {ELSEWHERE}.")
    return text


def _number_of_clusters(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither a whole number from 1 up nor 'auto'.")
    return int(text)


def _differences(text: str) -> dict[str, list[str]]:
    """The model's setting; `none` is a difference nobody makes."""
    names = [name.strip() for name in text.split(",")] if text != "none" else []
    if wrong := [name for name in names if name not in list(Difference)]:
        raise typer.BadParameter(f"{wrong[0]!r} is not one of {listed(Difference)}, or none.")
    return {"ignore": names}


def _number(text: str, none: str) -> object:
    """A number, or what takes an earlier one back."""
    if text == none:
        return TAKEN_BACK
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor '{none}'.") from None


def _epochs(text: str) -> object:
    return _number(text, "auto")


def _minutes(text: str) -> object:
    return _number(text, "none")


def _layouts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if wrong := [name for name in names if name not in list(Projection)]:
        raise typer.BadParameter(f"{wrong[0]!r} is not one of {listed(Projection)}.")
    return names


def _clusters(text: str) -> list[int]:
    """Numbers of clusters, two at least."""
    if len(numbers := _some_clusters(text)) < 2:
        raise typer.BadParameter(f"{text!r} is one cluster; expected two or more, with commas between them.")
    return numbers


def _some_clusters(text: str) -> list[int]:
    """Numbers of clusters."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is not numbers of clusters with commas between them, such as 0,3.")
    return [int(part) for part in parts]


ModelName = Annotated[
    Any,
    typer.Option(
        parser=model_name,
        metavar="MODEL",
        help=f"What turns images into embeddings: {listed(Model)}; or, from elsewhere, {ELSEWHERE}.",
    ),
]
LibraryPath = Annotated[Path, typer.Argument(metavar="LIBRARY", help="The library, as `lookalike build` made it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="folders|innermost|FILE.csv",
        help="The truth to score against: the first sub-folder of each image, the innermost, or a CSV file with the "
        "columns file_name and label.",
    ),
]
NumberOfClusters = Annotated[
    Any,
    typer.Option(
        "-k",
        parser=_number_of_clusters,
        metavar="K|auto",
        help="How many clusters; auto takes the number whose clusters hold the most links beyond chance.",
    ),
]
Renaming = Annotated[
    tuple[str, str] | None,
    typer.Option(metavar="CLUSTER NAME", help="Call a cluster, by its number or its name, by another name instead."),
]
Merging = Annotated[
    Any,
    typer.Option(parser=_clusters, metavar="A,B,...", help="Make these clusters one instead, called as the first."),
]
Splitting = Annotated[
    tuple[int, int] | None, typer.Option(metavar="CLUSTER K", help="Divide a cluster into K instead.")
]
Releasing = Annotated[
    Any,
    typer.Option(
        parser=_some_clusters,
        metavar="A,B,...",
        help="Let these clusters go instead, which stay as they are since they were edited: the next clustering sorts "
        "them anew.",
    ),
]
ClusterMethod = Annotated[
    Method | None,
    typer.Option(
        metavar="METHOD",
        help=f"How to cluster: {listed(Method)}. hdbscan decides by itself how many clusters there are.",
    ),
]
ClusterSpace = Annotated[
    Space | None,
    typer.Option(
        metavar="SPACE",
        help="What to cluster: the embedding, its manifold (UMAP in 10 dimensions, which pulls clusters apart), or the "
        "map.",
    ),
]
MapProjection = Annotated[
    Projection | None, typer.Option(metavar="PROJECTION", help=f"How to lay out the map: {listed(Projection)}.")
]
Differences = Annotated[
    Any,
    typer.Option(
        parser=_differences,
        metavar="A,B,...",
        help=f"What should not count as a difference between pictures, for Siamese models: {listed(Difference)}, or "
        "none. Default: crop,scale, and flip unless the folder's pictures are unlike mirror images (digits, pages).",
    ),
]
FromScratch = Annotated[
    bool | None,
    typer.Option(
        "--from-scratch/--with-starter",
        help="Whether a Siamese model learns from the folder alone; otherwise it also knows what a network learned "
        "from drawings, never from photographs, whose weights ship with Lookalike. Default: with it.",
    ),
]
Epochs = Annotated[
    Any,
    typer.Option(
        parser=_epochs,
        metavar="F|auto",
        help="How often the training sees each image; auto, the default, decides by the number of images.",
    ),
]
Minutes = Annotated[
    Any,
    typer.Option(
        parser=_minutes,
        metavar="F|none",
        help="Ends the training by the clock; the result then depends on the machine's speed. What the model has to "
        "know of the folder before its first step counts, but is not cut short. none, the default, does not end it.",
    ),
]
Layouts = Annotated[
    Any,
    typer.Option(
        parser=_layouts,
        metavar="A,B,...",
        help="Draw these layouts side by side instead, such as pca,tsne; the library's own map stays as it is.",
    ),
]


def given(**settings: Any) -> dict[str, Any]:
    """The settings that were given; what is left out stays as the library has it, what is taken back is None."""
    return {
        name: None if value is TAKEN_BACK else str(value) if isinstance(value, StrEnum) else value
        for name, value in settings.items()
        if value is not None
    }
