"""``demo``: draws pictures, and shows on them what Lookalike does."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.find import by_query, matches_text, scores_text
from lookalike.cli.options import AsJson, ClusterSpace, given
from lookalike.cli.printing import answer, note, readable
from lookalike.cli.progress import progress_bars

EPOCHS, MANY = 12, 5000
"""How often the training sees each picture of a folder of at most so many; of a larger one, as `build` has it."""
QUERY = "butterfly"
"""The family of the picture to search with."""
PER_SEED = 1_000_000
"""Pictures of a family between one seed's and the next one's."""
PER_FAMILY = 2
"""Pictures of each family, at least: alone a picture has nothing that it is like, and nothing could be shown."""
LAYOUTS = ("pca", "tsne")


@app.command()
def demo(
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Where everything goes. Default: lookalike-demo.", show_default=False),
    ] = Path("lookalike-demo"),
    *,
    images: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many pictures to draw; 64 or more, fewer with --draw-only.")
    ] = 2000,
    size: Annotated[int, typer.Option(min=32, max=1024, metavar="S", help="Their pixels a side.")] = 96,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Another seed draws other pictures.")] = 0,
    draw_only: Annotated[bool, typer.Option("--draw-only", help="Draw the pictures, and nothing else.")] = False,
    space: ClusterSpace = None,
    as_json: AsJson = False,
) -> None:
    """Draws pictures, builds their library, shows what it can do.

    The pictures come in some thirty families, one sub-folder each; Lookalike is not told, and is scored by how well it
    finds them. Nothing is downloaded.
    """
    from lookalike.demo import FAMILIES

    if images < (least := PER_FAMILY * len(FAMILIES)) and not draw_only:
        raise typer.BadParameter(f"expected {least} or more; --draw-only draws fewer.", param_hint="--images")
    with progress_bars() as progress:
        _draw(output / "pictures", progress, images=images, size=size, seed=seed)
        if draw_only:
            return answer({"pictures": str(output / "pictures")}, as_json, lambda result: result["pictures"])
        library = lookalike.build(
            output / "pictures",
            output / "pictures.lookalike",
            epochs=EPOCHS if images <= MANY else None,
            random_state=seed,
            progress=progress,
            **given(space=space),
        )
    query = _query(output / "query.jpg", size, seed)
    found = library.matches([query])
    result = {
        "pictures": str(output / "pictures"),
        "library": str(library.path),
        "scores": library.evaluate(),
        "search": by_query([str(query)], found)[0],
        **_show(library, output, query, found),
    }
    answer(result, as_json, _text)


def _draw(folder: Path, progress: Callable[..., None], **settings: Any) -> None:
    from lookalike.demo import draw_folder

    note(f"drawing {settings['images']:,} pictures in {readable(str(folder))}")
    draw_folder(folder, write="lookalike.images:write_image", progress=progress, **settings)


def _query(path: Path, size: int, seed: int) -> Path:
    """A picture that is not in the folder: of a family that is, drawn with the next seed."""
    from lookalike.demo import draw
    from lookalike.images import write_image

    write_image(draw(QUERY, (seed + 1) * PER_SEED, size=size), path)
    return path


def _show(library: "lookalike.Library", folder: Path, query: Path, found: list[dict[str, Any]]) -> dict[str, str]:
    """Draws everything that there is to look at; its names and places."""
    from lookalike import show
    from lookalike.pipeline.finding import table_of

    places = {
        "matches": folder / "matches.jpg",
        "map": folder / "map.png",
        "comparison": folder / "comparison.png",
        "report": folder / "report.html",
    }
    show.draw_matches(library, [query], table_of(found), places["matches"])
    show.draw_map(library, places["map"])
    show.draw_comparison(library, places["comparison"], projections=LAYOUTS)
    show.write_report(library, places["report"], labels="folders")
    return {name: str(path) for name, path in places.items()}


def _text(result: dict[str, Any]) -> str:
    places = {key: value for key, value in result.items() if isinstance(value, str)}
    width = max(map(len, places))
    search = result["search"]
    return "\n\n".join(
        [
            "How well the clusters and the search agree with the families, which Lookalike was not told:",
            scores_text(result["scores"]),
            f"What looks most like {readable(search['query'])}, which is not in the folder:",
            matches_text([search]),
            "\n".join(f"{name:{width}}  {readable(place)}" for name, place in places.items()),
        ]
    )
