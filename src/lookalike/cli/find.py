"""``find`` searches, ``evaluate`` scores."""

import math
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import AsJson, Labels, LibraryPath
from lookalike.cli.printing import answer, facts, many, note, readable, table
from lookalike.cli.progress import progress_bars
from lookalike.errors import ImageError

Given = TypeVar("Given")
Made = TypeVar("Made")
STDIN = "-"
NONE = -1


@app.command()
def find(
    library: LibraryPath,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="The queries: any pictures, in the folder or not, or names of images in the library; - reads one from "
            "stdin.",
        ),
    ],
    *,
    n: Annotated[int, typer.Option("-n", min=1, metavar="M", help="How many matches for each query.")] = 10,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="OUT.jpg", help="Draw a contact sheet too: each query beside its matches."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Spatial verification: of the first 50, those that share local features with the query, all moved, "
            "turned and scaled alike, come first. Needs the extra [keypoints].",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Finds the images that look most like each query.

    Nearest first. The distance is Euclidean, between embeddings of length 1: 0 is the same, 2 the opposite. Of several
    queries those that cannot be read are named, the others answered; the exit status is then 1.
    """
    opened = lookalike.open(library)
    queries, unread = _each(enumerate(images), lambda name: picture(opened, name))
    asked = {number: named(opened, images[number]) or query for number, query in queries.items()}
    with progress_bars() as progress:
        by_number, more = _searched(asked, lambda some: opened.matches(some, n, verify=verify, progress=progress))
    unread |= more
    if not by_number:
        raise unread[min(unread)]
    for number in sorted(unread):
        note(f"error: {unread[number]}")
    answered, found = sorted(by_number), [by_number[number] for number in sorted(by_number)]
    if verify:
        _tell_of_thumbnails(found)
    answer(by_query([images[number] for number in answered], found), as_json, matches_text)
    if sheet:
        from lookalike import show
        from lookalike.pipeline.finding import table_of

        show.draw_matches(opened, [asked[number] for number in answered], table_of(found), sheet)
        note(f"drew {readable(str(sheet))}")
    if unread:
        raise typer.Exit(1)


@app.command()
def evaluate(
    library: LibraryPath,
    *,
    labels: Labels = "folders",
    by_label: Annotated[
        bool,
        typer.Option(
            "--by-label",
            help="Add how well each label does, best first: precision_at_10, and the cluster that holds most of it.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Scores clusters and search against labels.

    All between 0 and 1, higher is better: acc, nmi, ari and ami compare the clusters with the labels; the
    others look at the matches.
    """
    opened = lookalike.open(library)
    with progress_bars() as progress:
        scores = opened.evaluate(labels or "folders", progress=progress)
        if by_label:
            scores["labels"] = opened.evaluate_labels(labels or "folders").to_dict("records")
    if without := len(opened.file_names) - scores["images"]:
        note(f"{many(without, 'image')} without a label: left out")
    recall = opened.info()["stages"].get("index", {}).get("neighbors_recall_at_10")
    if recall is not None:
        note(f"the search is scored by neighbours found in cells, of which {recall:.3f} of the ten nearest are right")
    answer(scores, as_json, scores_text)


Unread = dict[int, ImageError]
"""Why a query, by its number, cannot be read."""


def _each(numbered: Iterable[tuple[int, Given]], do: Callable[[Given], Made]) -> tuple[dict[int, Made], Unread]:
    """What comes of each query, by its number, and of those that cannot be read the reason."""
    made, unread = {}, {}
    for number, given in numbered:
        try:
            made[number] = do(given)
        except ImageError as error:
            unread[number] = error
    return made, unread


def _searched(asked: dict[int, Any], search: Callable[[list[Any]], list[Any]]) -> tuple[dict[int, Any], Unread]:
    """What is found for each query: for all at once, or, where one cannot be read, for one after another."""
    try:
        return dict(zip(asked, search(list(asked.values())), strict=True)) if asked else {}, {}
    except ImageError:
        return _each(asked.items(), lambda query: search([query])[0])


def picture(library: "lookalike.Library", name: str) -> Path | bytes:
    """What a command line means by IMAGE: a file, an image of the library by its name, or for ``-`` what stdin holds.

    Raises `ImageError` when there is neither, and when stdin holds no picture that can be read.
    """
    if name == STDIN:
        return _from_stdin()
    here, inside = Path(name), library.folder / name
    if not here.exists() and inside.is_file():
        return inside
    if not here.exists() and not named(library, name):
        raise ImageError(f"{name}: there is no such file, and no image of that name in the library")
    return here


def named(library: "lookalike.Library", name: str) -> str | None:
    """The library's image that a name or a path means where there is no such file: it is known all the same.

    None for a file that is here, and for what the library does not know.
    """
    if name == STDIN or Path(name).exists():
        return None
    within = os.path.relpath(os.path.abspath(name), library.folder).replace(os.sep, "/")
    return next((known for known in (name, within) if (library.file_names == known).any()), None)


def by_query(names: list[str], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `Library.matches` gave as the JSON document: for each query its name and its matches."""
    records = [[dict(zip(of, match, strict=True)) for match in zip(*of.values(), strict=True)] for of in found]
    return [{"query": name, "matches": matches} for name, matches in zip(names, records, strict=True)]


def matches_text(results: list[dict[str, Any]]) -> str:
    """A table for each query, under its name when there are several."""
    parts = []
    for result in results:
        matches = result["matches"]
        columns = ["rank", "distance", *(["inliers"] if "inliers" in matches[0] else []), "cluster", "file_name"]
        shown = [{**m, "distance": f"{m['distance']:.4f}", "cluster": _number(m["cluster"])} for m in matches]
        shown = [{**m, "inliers": _number(m["inliers"])} for m in shown] if "inliers" in columns else shown
        heading = f"{readable(result['query'])}\n" if len(results) > 1 else ""
        parts.append(heading + table(columns, [[m[column] for column in columns] for m in shown]))
    return "\n\n".join(parts)


def scores_text(scores: dict[str, Any]) -> str:
    """Counts as they are, scores to three decimals; below, where they were asked for, those of each label."""
    by_label = scores.get("labels", [])
    over_all = facts((name, _rounded(score)) for name, score in scores.items() if name != "labels")
    if not by_label:
        return over_all
    rows = [[_rounded(value) if name != "label" else value for name, value in each.items()] for each in by_label]
    of_each = [each["precision_at_10"] for each in by_label if not math.isnan(each["precision_at_10"])]
    mean = f"mean over labels: precision_at_10 {sum(of_each) / len(of_each):.3f}"
    return f"{over_all}\n\n{table([*by_label[0]], rows, left=['label'])}\n\n{mean}"


def _rounded(score: float) -> str:
    """A share to three decimals, a count or a cluster as it is, none where there is none."""
    if isinstance(score, float):
        return "" if math.isnan(score) else f"{score:.3f}"
    return _number(score) if score < 0 else f"{score:,}"


def _number(number: int) -> str:
    """The number of a cluster or of inliers, where there is one."""
    return "none" if number == NONE else str(number)


def _tell_of_thumbnails(found: list[dict[str, Any]]) -> None:
    """Says of how many matches the small copy was compared, if of any."""
    compared = [what for of in found for what in of["compared"]]
    if thumbnails := compared.count("thumbnail"):
        one, many = "was compared by its thumbnail: the file is", "were compared by their thumbnails: the files are"
        what = one if thumbnails == 1 else many
        note(f"{thumbnails} of the {len(compared)} matches {what} gone, unreadable or changed")


def _from_stdin() -> bytes:
    from lookalike.images import decode, read_stream

    try:
        data = read_stream(sys.stdin.buffer)
        decode(data, at_least=1)
    except ImageError as error:
        raise ImageError(f"stdin: {error}") from error
    return data
