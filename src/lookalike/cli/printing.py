"""What commands print: one JSON document, or text for people."""

import ast
import json
import math
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import lookalike

BAR = 40
"""Characters of the longest bar of a chart."""
OPTIONS = {"output": "-o", "n": "-n", "n_clusters": "-k", "random_state": "--seed"} | {
    name: f"--{name}"
    for name in (
        *("device", "epochs", "how", "ignore", "images", "labels", "method", "minutes", "model", "models"),
        *("port", "projection", "size", "space", "to", "within"),
    )
}
"""What arguments of Python, which errors name, are called on the command line."""


def answer(result: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    """Prints a command's result on stdout: as the one JSON document, or as ``text`` makes it readable."""
    say(json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) if as_json else text(result))


def say(text: str) -> None:
    """A line of the result, on stdout. Where nobody reads on (``| head``), nothing more is said."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """A message, on stderr."""
    typer.echo(text, err=True)


def tell_why_not_as_many(n_clusters: Any, library: "lookalike.Library") -> None:
    """Says why there are not as many clusters as were asked for, where there are not."""
    kept, found = sorted(library.kept_clusters), len(library.cluster_names)
    by_hand = ",".join(map(str, kept))
    if not isinstance(n_clusters, int) or found == n_clusters:
        return
    if library.settings.method == "hdbscan":
        note(f"hdbscan decides by itself how many clusters there are; for {n_clusters:,} add --method kmeans")
    elif n_clusters > (n_images := len(library.file_names)):
        there = f"there are {n_images:,} images" if n_images > 1 else "there is one image"
        edited = f"; clusters edited by hand stay as they are until `--release {by_hand}`" * bool(kept)
        note(f"{n_clusters:,} clusters were asked for; {there}, so there are no more{edited}")
    elif kept:
        note(f"there are {found:,}, not {n_clusters:,}: clusters edited by hand stay until `--release {by_hand}`")
    else:
        note(f"there are {found:,}, not {n_clusters:,}: the images do not part into more")


def plain(value: Any) -> Any:
    """What JSON can hold: NumPy's numbers and arrays become Python's, paths become text, NaN becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def as_typed(message: str) -> str:
    """A message that begins with ``epochs=-1.0`` as one that begins with ``--epochs -1.0``."""
    found = re.match(r"([a-z_]+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s:;,'\"(\[]+)", message)
    if not found or found[1] not in OPTIONS:
        return message
    value = ast.literal_eval(found[2]) if found[2][0] in "'\"" else found[2].removesuffix(".0")
    return f"{OPTIONS[found[1]]} {value}{message[found.end() :]}"


def one_line(text: str) -> str:
    """Text that keeps to its line: line breaks become blanks, and what could steer a terminal is escaped."""
    return readable(" ".join(text.splitlines()))


def readable(text: str) -> str:
    """A name as it can be shown: what is no printable character (escape sequences, say) is written as its code."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, left: Collection[str] = ()) -> str:
    """Aligned columns: those named in ``left``, and the last one, to the left, others to the right."""
    cells = [list(head), *([readable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        *most, last = zip(head, row, widths, strict=True)
        padded = [cell.ljust(width) if name in left else cell.rjust(width) for name, cell, width in most]
        lines.append("  ".join([*padded, last[1]]).rstrip())
    return "\n".join(lines)


def facts(entries: Iterable[tuple[str, Any]]) -> str:
    """Names and their values, one a line; values of several lines stay in their column."""
    known = [(name, str(value).splitlines() or [""]) for name, value in entries]
    width = max(len(name) for name, _ in known)
    lines = [
        f"{name if number == 0 else '':{width}}  {line}" for name, value in known for number, line in enumerate(value)
    ]
    return "\n".join(line.rstrip() for line in lines)


def many(number: int, what: str) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def chart(values: Sequence[float], names: Sequence[str]) -> str:
    """A bar for each value from 0 up, the longest 40 characters."""
    most = max([*values, 1e-9])
    width = max(len(name) for name in names)
    bars = ["█" * round(BAR * max(0.0, value) / most) for value in values]
    return "\n".join(
        f"{name:>{width}}  {value:6.3f}  {bar}".rstrip() for name, value, bar in zip(names, values, bars, strict=True)
    )


def clustered(n_clusters: int, noted: Mapping[str, Any], fitted: str = "") -> str:
    """How many clusters and how they were found: ``29 (kmeans on the manifold, chosen by modularity)``."""
    chosen = ", chosen by modularity" * bool(noted.get("modularity"))
    return f"{n_clusters:,} ({noted.get('method')} on the {noted.get('space')}{fitted}{chosen})"


def seconds(spent: dict[str, float]) -> str:
    """Seconds of the stages: ``scan 0.1, decode 2.5, total 2.6``."""
    return ", ".join(f"{stage} {value:,.1f}" for stage, value in spent.items())


def is_terminal() -> bool:
    """Whether messages go to a terminal, where they may move."""
    return sys.stderr.isatty()
