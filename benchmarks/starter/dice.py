"""Random numbers that depend on which program asks, and how often it asked before: not on the batch, nor the device."""

import math

import torch
from torch import Tensor

JITTER = 0.1
"""How far two drawings of one program lie apart in each of its parameters, at the most; parameters are in 0..1."""
_ODD = (-7046029254386353131, -4658895280553007687, -7723592293110705685)  # of SplitMix64 (Steele et al., 2014)


class Dice:
    """For programs ``rows`` int64 (b,), drawn for the ``again``-th time: numbers in 0..1, a new one at each call.

    `program` gives what makes the program what it is, nearly the same in each of its drawings; `chance` what is
    different each time, such as where things lie.
    """

    def __init__(self, rows: Tensor, again: int = 0, *, jitter: float = JITTER) -> None:
        self.rows, self.again, self.jitter = rows, again, jitter
        self.own = _mixed(rows.clone())
        self.asked = 0

    def of(self, chosen: Tensor) -> "Dice":
        """The same for some of the programs only."""
        return Dice(self.rows[chosen], self.again, jitter=self.jitter)

    def program(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(b, *shape) between two bounds, of which each program has its own; moved a little at each drawing."""
        own = self._numbers(shape, 0)
        moved = own + self.jitter * (2 * self._numbers(shape, self.again + 1) - 1)
        folded = 1 - (1 - moved.abs()).abs()  # what would leave 0..1 comes back
        return low + (high - low) * folded

    def kind(self, n: int) -> Tensor:
        """Which of n kinds, int64 (b,): the same in each drawing."""
        return (self._numbers((), 0) * n).long().clamp(max=n - 1)

    def chance(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(b, *shape) between two bounds, anew at each drawing."""
        return low + (high - low) * self._numbers(shape, self.again + 1)

    def normal(self, *shape: int) -> Tensor:
        """(b, *shape) from N(0, 1), anew at each drawing (Box & Muller, 1958)."""
        first, second = self._numbers((2, *shape), self.again + 1).unbind(1)
        return (-2 * (first + 1e-7).log()).sqrt() * (2 * math.pi * second).cos()

    def _numbers(self, shape: tuple[int, ...], salt: int) -> Tensor:
        self.asked += 1
        each = torch.arange(math.prod(shape), device=self.rows.device)
        asked = _mixed(_mixed(self.own + salt) + self.asked)[:, None] + each * _ODD[0]
        mixed = _mixed(asked).bitwise_right_shift_(40).bitwise_and_(0xFFFFFF)
        return mixed.float().div_(1 << 24).view(len(self.rows), *shape)


def _mixed(numbers: Tensor) -> Tensor:
    """In place, as there may be a billion of them."""
    numbers.mul_(_ODD[0]).add_(_ODD[1])
    for shift, kept, odd in ((30, 0x3FFFFFFFF, _ODD[1]), (27, 0x1FFFFFFFFF, _ODD[2]), (31, 0x1FFFFFFFF, 1)):
        numbers.bitwise_xor_((numbers >> shift).bitwise_and_(kept)).mul_(odd)
    return numbers
