"""Where the default is not ahead of everything that has no part of it, by the tables of README.md beside this file.

python benchmarks/quality/behind.py
python benchmarks/quality/behind.py --model "siamese-vae from scratch"

A line for each set, score and way of searching in which something else has as much or more, by the means as printed.
With the default from scratch the starter alone does not count, which knows what that does not.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

README = Path(__file__).with_name("README.md")
AVERAGED = ", averaged"
NO_SCORES = {"model", "runs", "drawn", "train, s"}


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="siamese-vae")
    options = parser.parse_args()
    for name, rows in tables(README.read_text("utf-8")):
        for averaged in ("", AVERAGED):
            mine = rows.get(options.model + averaged)
            for score, value in mine.items() if mine else ():
                best, other = max(
                    (row[score], model)
                    for model, row in rows.items()
                    if not model.startswith("siamese")
                    and model.endswith(AVERAGED) == bool(averaged)
                    and not (model.startswith("starter") and options.model != "siamese-vae")
                )
                if best >= value:
                    print(f"{name}{averaged}: {score} {value:.3f}, {other} {best:.3f}")


def tables(text: str) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """The sets with their tables: scores by model."""
    for section in text.split("\n## ")[1:]:
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"
        ]
        if lines and lines[0][0] == "model":
            head, _, *body = lines
            yield section.splitlines()[0], {row[0]: scores(head, row) for row in body}


def scores(head: list[str], row: list[str]) -> dict[str, float]:
    """The means of a row, without what they differ by and the marks."""
    found = {name: re.match(r"[\d.]+", cell) for name, cell in zip(head, row, strict=True) if name not in NO_SCORES}
    return {name: float(number.group()) for name, number in found.items() if number}


if __name__ == "__main__":
    main()
