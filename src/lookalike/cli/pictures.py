"""``reconstruct``: what the model makes of images, between images, and out of nothing."""

from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.find import picture
from lookalike.cli.options import AsJson, LibraryPath
from lookalike.cli.printing import answer, readable

SHOWN = 12
"""Images of the library that stand for it when none is named."""
STEPS = 8
"""Pictures of a walk, its ends included."""


@app.command()
def reconstruct(
    library: LibraryPath,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Any pictures. Default: typical images of the library."),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.png", help="The picture to draw.")],
    between: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Walk from image A to image B instead.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, max=10_000, metavar="N", help="Invent N new images instead.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="S", help="With --sample: another seed invents other images. Default: 0."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draws originals above what the model makes of them.

    How well it knows them shows how much of them an embedding holds. Models without a decoder cannot do it.
    """
    if sum(map(bool, (images, between, sample))) > 1:
        raise typer.BadParameter("give one of IMAGE..., --between and --sample.", param_hint="--between / --sample")
    if seed is not None and not sample:
        raise typer.BadParameter("it belongs to --sample.", param_hint="--seed")
    from lookalike import show

    opened = lookalike.open(library)
    if between:
        drawn = opened.between(picture(opened, between[0]), picture(opened, between[1]), STEPS)
        show.draw_pictures(opened, drawn, output, columns=STEPS)
    elif sample:
        drawn = opened.sample(sample, seed or 0)
        show.draw_pictures(opened, drawn, output)
    else:
        seen, drawn = opened.reconstruct([picture(opened, name) for name in images] if images else _typical(opened))
        show.draw_reconstructions(opened, seen, drawn, output)
    answer({"library": str(library), "path": str(output), "images": len(drawn)}, as_json, _drawn)


def _typical(library: "lookalike.Library") -> list[Any]:
    """The most typical images, in turn from every cluster, as the model sees them."""
    typical = list(library.typical(SHOWN).values())
    in_turn = [rows[place] for place in range(SHOWN) for rows in typical if place < len(rows)]
    return list(library.pixels(in_turn[:SHOWN]))


def _drawn(result: dict[str, Any]) -> str:
    return f"drew {result['images']} images into {readable(result['path'])}"
