"""What programs draw with, for a whole batch at once: noise, shapes, colours, light. Places run from -1 to 1."""

import math
from collections.abc import Callable

import torch
from dice import Dice
from torch import Tensor
from torch.nn import functional

Field = Tensor
"""(b, s, s)"""


def column(numbers: Tensor) -> Tensor:
    """Numbers (b,) as (b, 1, 1): one for each picture, to work with fields."""
    return numbers[:, None, None]


def places(dice: Dice, size: int, *, turn: float = math.pi, zoom: float = 1.5) -> tuple[Field, Field]:
    """x and y of every pixel, turned and enlarged as the program says, moved by chance."""
    line = (torch.arange(size, device=dice.rows.device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    angle = column(dice.program(low=-turn, high=turn))
    scale = column(torch.exp(dice.program(low=-1, high=1) * math.log(zoom)))
    shift = dice.chance(2, low=-0.5, high=0.5)
    turned = (angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x)
    return turned[0] * scale + column(shift[:, 0]), turned[1] * scale + column(shift[:, 1])


def level(field: Field) -> Field:
    """Stretched to 0..1."""
    low, high = field.amin((1, 2), keepdim=True), field.amax((1, 2), keepdim=True)
    return (field - low) / (high - low).clamp(min=1e-6)


def filtered(dice: Dice, size: int, gain: Callable[[Tensor, Tensor], Tensor]) -> Field:
    """White noise of which ``gain(fx, fy)`` of every frequency passes; of unit spread."""
    down = torch.fft.fftfreq(size, device=dice.rows.device) * size
    across = torch.fft.rfftfreq(size, device=dice.rows.device) * size
    fy, fx = torch.meshgrid(down, across, indexing="ij")
    passed = torch.fft.irfft2(torch.fft.rfft2(dice.normal(size, size)) * gain(fx, fy), s=(size, size))
    return passed / passed.std((1, 2), keepdim=True).clamp(min=1e-6)


def cloudy(dice: Dice, size: int, low: float = 1.0, high: float = 2.0) -> Field:
    """Noise whose amplitude falls with the frequency to a power between the two: 1 is what photos have."""
    power, squeeze = column(dice.program(low=low, high=high)), column(dice.program(low=-1, high=1).mul(1.2).exp())
    angle = column(dice.program(high=math.pi))

    def gain(fx: Tensor, fy: Tensor) -> Tensor:
        along, beside = fx * angle.cos() + fy * angle.sin(), fy * angle.cos() - fx * angle.sin()
        return ((along * squeeze).square() + (beside / squeeze).square()).sqrt().clamp(min=1) ** -power

    return filtered(dice, size, gain)


def bumps(dice: Dice, size: int, cells: int) -> Field:
    """Smooth noise, so many bumps across, of about unit spread."""
    coarse = dice.normal(1, cells + 2, cells + 2)
    return functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)[:, 0]


def outline(dice: Dice, size: int, *, radius: tuple[float, float] = (0.35, 0.75)) -> Field:
    """Signed distance, nearly, from a shape in the middle: its radius is a short Fourier series of the angle."""
    x, y = places(dice, size, turn=0.4, zoom=1.1)
    angle, away = torch.atan2(y, x), (x * x + y * y + 1e-6).sqrt()
    edge = column(dice.program(low=radius[0], high=radius[1])).expand_as(x).clone()
    square = dice.kind(3)
    for wave in (2, 3, 4, 5, 7):
        strength = dice.program(low=0, high=0.35 / wave**0.5) * (dice.program() < 0.6)
        edge += column(strength * edge[:, 0, 0]) * (wave * angle + column(dice.program(high=6.28))).cos()
    stretch = column(dice.program(low=0.6, high=1.6))
    box = torch.maximum(x.abs() * stretch, y.abs() / stretch) - edge
    diamond = (x.abs() * stretch + y.abs() / stretch) - 1.2 * edge
    return torch.where(column(square == 0), box, torch.where(column(square == 1), diamond, away - edge))


def inside(distance: Field, soft: float = 0.0) -> Field:
    """Signed distance to cover 0..1, with an edge of a pixel or ``soft``."""
    return (0.5 - distance / max(2 / distance.shape[-1], soft)).clamp(0, 1)


def ramp(dice: Dice, field: Field) -> Tensor:
    """A field in 0..1 coloured: (b, 3, s, s). Dark to light as the program says, through hues that lie together."""
    low, high = dice.program(low=0.05, high=0.5), dice.program(low=0.55, high=1.0)
    hue, turn = dice.program(), dice.program(low=-0.25, high=0.25)
    vivid = 0.75 * dice.program() ** 3
    flipped = column(dice.program() < 0.5)
    at = torch.where(flipped, 1 - field, field)
    return colours(column(hue) + at * column(turn), column(vivid), column(low) + at * column(high - low))


def ink(dice: Dice) -> Tensor:
    """One colour of each program: (b, 3, 1, 1)."""
    hue, vivid, light = dice.program(3).unbind(1)
    return colours(column(hue), column(0.9 * vivid**3), column(light))


def colours(hue: Tensor, vivid: Tensor, light: Tensor) -> Tensor:
    """Hue in turns, how vivid and how light in 0..1, each (b, h, w), to red, green and blue (b, 3, h, w)."""
    thirds = torch.tensor([0.0, 1 / 3, 2 / 3], device=hue.device)[:, None, None]
    waves = ((hue[:, None] - thirds) * (2 * math.pi)).cos()
    return (light[:, None] * (1 + 0.5 * vivid[:, None] * waves) - 0.12 * vivid[:, None] * (1 - waves)).clamp(0, 1)


def over(picture: Tensor, cover: Field, colour: Tensor) -> Tensor:
    """A colour or picture (b, 3, ...) laid over another where ``cover`` says."""
    return picture + cover[:, None] * (colour - picture)


def lit(picture: Tensor, height: Field, angle: Tensor, strength: Tensor) -> Tensor:
    """A picture as a relief of this height, with light from an angle."""
    down, across = torch.gradient(height, spacing=2 / height.shape[-1], dim=(1, 2))
    slope = (across * column(angle.cos()) + down * column(angle.sin())) / (1 + across.square() + down.square()).sqrt()
    return (picture * (1 + column(strength) * slope)[:, None]).clamp(0, 1)
