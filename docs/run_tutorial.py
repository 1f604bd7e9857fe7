"""Runs the commands of docs/tutorial.md and writes what they print into it: ``python docs/run_tutorial.py FOLDER``.

FOLDER is a place for what the commands write; in the outputs it is called HOME. Commands are the lines that begin with
``$ `` in the blocks marked ``console``; the lines beneath each are replaced by its output, stdout and stderr as they
come. Then the page's pictures are drawn again.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import lookalike
from lookalike import show

HOME = "/home/ada"
PAGE = Path(__file__).parent / "tutorial.md"
IMAGES = PAGE.parent / "images"
MAP_SIZE = 680
"""Pixels a side of the map on the page."""
BLOCK = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)


def answered(block: str, folder: Path) -> str:
    """The commands of a block, each above what it prints."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        ran = subprocess.run(
            command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if ran.returncode:
            raise SystemExit(f"{command} ended with {ran.returncode}:\n{ran.stdout}")
        lines += [f"$ {command}\n", ran.stdout.replace(str(folder), HOME)]
    return "".join(lines)


def main() -> None:
    """Replaces the outputs of the page, once every command has succeeded, and its pictures."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda found: answered(found[0], folder), page), encoding="utf-8")
    shutil.copyfile(folder / "matches.jpg", IMAGES / "matches.jpg")
    show.draw_map(lookalike.open(folder / "families.lookalike"), IMAGES / "map.jpg", size=MAP_SIZE)


if __name__ == "__main__":
    main()
