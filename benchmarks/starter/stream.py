"""An endless stream of drawn pictures: row n is what program n draws, on any machine, in any batch.

    python benchmarks/starter/stream.py build/stream.png     # two drawings each of 64 programs, to look at

Half of the pictures are a family's own; in the others a figure cut from one stands before another. Two drawings of
one program are two views of one thing that no crop could give: other places, other noise, other parameters by up to a
tenth of their range.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from dice import JITTER, Dice
from families import FAMILIES, scene
from fields import cloudy, column, level
from torch import Tensor


class Stream:
    """Rows int64 (b,) to uint8 (b, size, size, 6): two drawings of each program, one after the other in the channels.

    ``families`` are some of `FAMILIES`; ``jitter`` is how far parameters move between drawings, 0 to 1. With
    ``twice=False`` both drawings are the same one.
    """

    def __init__(
        self,
        families: Sequence[str] = tuple(FAMILIES),
        *,
        size: int = 64,
        jitter: float = JITTER,
        twice: bool = True,
        device: str | torch.device = "cpu",
    ) -> None:
        self.families, self.size, self.jitter, self.twice = tuple(families), size, jitter, twice
        self.device = torch.device(device)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.pairs(rows).cpu().numpy()

    def pairs(self, rows: np.ndarray) -> Tensor:
        """The same, left on the device."""
        numbers = torch.from_numpy(np.asarray(rows, np.int64)).to(self.device)
        first = self.drawn(numbers, 0)
        both = torch.cat([first, self.drawn(numbers, 1) if self.twice else first], 1)
        return (both * 255).round().byte().permute(0, 2, 3, 1).contiguous()

    @torch.no_grad()
    def drawn(self, rows: Tensor, again: int = 0) -> Tensor:
        """Programs (b,) to their pictures (b, 3, s, s) in 0..1, drawn for the ``again``-th time."""
        dice = Dice(rows, again, jitter=self.jitter)
        kinds, figured = dice.kind(len(self.families)), torch.nonzero(dice.kind(2))[:, 0]
        some = Dice(~rows[figured], again, jitter=self.jitter)  # programs of their own
        both = Dice(torch.cat([rows, some.rows]), again, jitter=self.jitter)
        drawn = self._of_families(both, torch.cat([kinds, some.kind(len(self.families))]))
        picture, figure = drawn[: len(rows)], drawn[len(rows) :]
        if len(figured):
            picture[figured] = scene(some, self.size, figure, picture[figured])
        light = level(cloudy(dice, self.size, 1.5, 2.5)) * column(dice.chance(high=0.5))
        shade = column(dice.chance(low=0.85, high=1.1)) - light
        return (picture * shade[:, None] + 0.015 * dice.normal(3, self.size, self.size)).clamp(0, 1)

    def _of_families(self, dice: Dice, kinds: Tensor) -> Tensor:
        picture = torch.empty(len(kinds), 3, self.size, self.size, device=self.device)
        for number, name in enumerate(self.families):
            chosen = torch.nonzero(kinds == number)[:, 0]
            if len(chosen):
                picture[chosen] = FAMILIES[name](dice.of(chosen), self.size)
        return picture


def main() -> None:
    """Draws a sheet: each program twice, side by side."""
    import cv2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--families", default=",".join(FAMILIES))
    options = parser.parse_args()
    pairs = Stream(options.families.split(","))[np.arange(64)]
    tiles = np.concatenate([pairs[..., :3], pairs[..., 3:]], 2).reshape(16, 4, 64, 128, 3)
    sheet = tiles.transpose(0, 2, 1, 3, 4).reshape(16 * 64, 4 * 128, 3)
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.sheet), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
