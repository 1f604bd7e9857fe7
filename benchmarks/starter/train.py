"""Trains encoders on drawn pictures, several at once on one stream.

    python benchmarks/starter/train.py build/starter --learners default --showings 150000 --pool 12000 --batch 256
    python benchmarks/starter/train.py build/starter --learners strong --side 128 --minutes 8   # a graphics card

The default's own loop; the learners are in `learners.py`, the default's own loss among them. A drawing costs more than
a step of training, so each pair is shown ``--again`` times, in other views, before its place in the pool is drawn anew.
With ``--resume FOLDER`` a training that was interrupted goes on. Each encoder is written to OUTPUT/LEARNER.safetensors
every minute and at the end, in float16.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from families import FAMILIES
from learners import LEARNERS, SIZE, Several
from safetensors.torch import save_file
from stream import Stream
from torch import Tensor

from lookalike.learn.checkpoint import Checkpoint
from lookalike.learn.device import pick_device
from lookalike.learn.model import Trained
from lookalike.learn.training import Run

FIRST = 1 << 20
"""The programs from here on are trained with; those before are for looking at."""
AT_ONCE = 1 << 27
"""Pixels of one drawing each that are drawn at once, at most: it takes 16 GB. (A pool may be smaller.)"""
ENDLESS = 10**9
"""Pairs that no clock waits for."""
SETTINGS = ("pool", "again", "batch", "side", "pairs", "seed")
"""What the written encoders tell of how they were made, besides families and figures."""
WRITTEN = 60.0
"""Seconds between two writings of the encoders."""


class Pool:
    """So many places of the stream, all drawn anew when all were shown ``again`` times; in the device's memory.

    ``shown`` tells how many pairs the training has seen, so that one that goes on goes on in the stream, too.
    """

    def __init__(self, stream: Stream, n: int, again: int, shown: Callable[[], int]) -> None:
        self.stream, self.n, self.again, self.shown = stream, n, again, shown
        self.drawn, self.seconds = -1, 0.0
        self.pictures: Tensor | None = None

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        """Pairs uint8 (b, s, s, 6)."""
        window = self.shown() // (self.again * self.n)
        if self.pictures is None or window != self.drawn:
            start = time.monotonic()
            programs, chunk = FIRST + window * self.n + np.arange(self.n), AT_ONCE // self.stream.size**2
            self.pictures = None  # before others take the memory
            parts = np.split(programs, range(chunk, self.n, chunk))
            self.pictures, self.drawn = torch.cat([self.stream.pairs(part) for part in parts]), window
            self.pictures[-1, 0, 0].cpu()  # waits for the device
            self.seconds += time.monotonic() - start
        return self.pictures[torch.from_numpy(rows).to(self.pictures.device)]


def main() -> None:
    """Draws, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="a folder for the encoders")
    parser.add_argument("--learners", default="default,mild,strong", help=f"some of {', '.join(LEARNERS)}")
    parser.add_argument("--showings", type=int, help="pairs that training sees, at most")
    parser.add_argument("--minutes", type=float, help="ends the training by the clock")
    parser.add_argument("--pool", type=int, default=32_768, help="programs of which drawings are kept at a time")
    parser.add_argument("--again", type=int, default=4, help="times that a pair is shown")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--side", type=int, default=SIZE, help=f"pixels a side of a drawing; views have {SIZE}")
    parser.add_argument("--pairs", choices=("program", "crop"), default="program", help="two drawings, or one twice")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--without", default="", help="families that are left out")
    parser.add_argument("--resume", type=Path, help="a folder to keep the state in")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.showings is None and options.minutes is None:
        parser.error("when does it end? give --showings or --minutes")
    families = [name for name in options.families.split(",") if name not in options.without.split(",")]
    facts: dict[str, Any] = {name: getattr(options, name) for name in SETTINGS}
    facts |= {"families": families}
    device = pick_device("auto")
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(options.seed)
    several = Several({name: LEARNERS[name]() for name in options.learners.split(",")}, options.batch)
    told = facts | {"learners": options.learners, "size": several.size, "dim": 0}  # what must stay, to resume
    trained = Trained("siamese-vae", several, settings=told, device=device)
    stream = Stream(families, size=options.side, twice=options.pairs == "program", device=device)
    pool = Pool(stream, options.pool, options.again, lambda: run.step * run.batch)
    n_steps = math.ceil((options.showings or ENDLESS) / options.batch)
    limit = 60 * options.minutes if options.minutes else math.inf
    run = Run(trained, pool, np.arange(options.pool), n_steps=n_steps, seed=options.seed, limit=limit)
    written = time.monotonic()

    def progress(*_: object) -> None:
        nonlocal written
        if time.monotonic() - written > WRITTEN:
            written = time.monotonic()
            write(run, options.output, facts)

    run.go(Checkpoint(options.resume, run.fingerprint()) if options.resume else None, progress)
    write(run, options.output, facts)


def write(run: Run, output: Path, facts: dict[str, Any]) -> None:
    """The encoders as they are, with what made them; and where the training stands, on the screen."""
    output.mkdir(parents=True, exist_ok=True)
    facts = facts | {"showings": run.step * run.batch, "seconds": round(run.seconds, 1)}
    facts |= {"drawing": round(run.pixels.seconds, 1)}  # the first pool ahead of the other seconds
    for name, learner in run.trained.network.learners.items():
        state = {key: value.contiguous().cpu() for key, value in learner.encoder.state_dict().items()}
        halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
        save_file(halved, output / f"{name}.safetensors", {"facts": json.dumps(facts)})
    (output / "history.json").write_text(json.dumps({**facts, "history": run.history}))
    last = {name: round(terms[-1], 3) for name, terms in run.history.items()}
    print(json.dumps({key: facts[key] for key in ("showings", "seconds", "drawing")} | last), flush=True)


if __name__ == "__main__":
    main()
