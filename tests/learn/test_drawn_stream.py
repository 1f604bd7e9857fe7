"""The stream of drawn pictures of `benchmarks/starter`: repeatable, and with the statistics of photos."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

STARTER = Path(__file__).parents[2] / "benchmarks" / "starter"


@pytest.fixture(scope="module")
def stream():
    sys.path.insert(0, str(STARTER))
    try:
        import stream

        yield stream
    finally:
        sys.path.remove(str(STARTER))


@pytest.fixture(scope="module")
def pictures(stream):
    return stream.Stream()[np.arange(192)]


def test_a_program_draws_the_same_in_any_batch(stream, pictures):
    assert np.array_equal(stream.Stream()[np.arange(40, 60)], pictures[40:60])


def test_two_drawings_of_a_program_differ_less_than_two_programs(pictures):
    colours = np.sort(pictures.reshape(192, 64 * 64, 6).astype(float), 1)  # where things lie does not matter
    first, second = colours[..., :3], colours[..., 3:]
    own = np.abs(first - second).mean()
    others = np.abs(first - np.roll(second, 1, 0)).mean()
    assert 1 < own < 0.6 * others
    assert np.abs(pictures[..., :3].astype(float) - pictures[..., 3:]).mean() > 10


def test_jitter_and_twice_have_their_effect(stream):
    rows = np.arange(48)
    same = stream.Stream(twice=False)[rows]
    assert np.array_equal(same[..., :3], same[..., 3:])
    colours = [np.sort(stream.Stream(jitter=far)[rows].reshape(48, -1, 6).astype(float), 1) for far in (0.0, 0.4)]
    near, wide = (np.abs(pair[..., :3] - pair[..., 3:]).mean() for pair in colours)
    assert near < 0.7 * wide


def test_every_family_draws_pictures_that_differ(stream):
    for family in stream.FAMILIES:
        drawn = stream.Stream([family])[np.arange(12)][..., :3].astype(float)
        assert drawn.std() > 20, family
        assert (drawn.reshape(12, -1).std(1) > 2).all(), family
        assert np.abs(drawn - np.roll(drawn, 1, 0)).mean((1, 2, 3)).min() > 5, family


def test_the_statistics_are_those_of_photos(pictures):
    """A spectrum that falls as f to about -2, colours that go together, gradients with heavy tails (Ruderman, 1994)."""
    images = torch.from_numpy(pictures[..., :3]).permute(0, 3, 1, 2).float() / 255
    grey = images.mean(1)
    power = torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs().square().mean(0)
    at = torch.fft.fftfreq(64) * 64
    away = (at[:, None].square() + at.square()).sqrt().round().long()
    rings = np.arange(2, 28)
    mean_power = [float(power[away == ring].mean()) for ring in rings]
    assert -3.0 < np.polyfit(np.log(rings), np.log(mean_power), 1)[0] < -1.5
    correlation = torch.corrcoef(images.permute(1, 0, 2, 3).reshape(3, -1))
    assert 0.7 < correlation.min() < 0.98
    steps = (grey[:, :, 1:] - grey[:, :, :-1]).flatten()
    assert ((steps - steps.mean()) ** 4).mean() / steps.var() ** 2 > 6  # 3 for a normal distribution
