"""The starter: weights that ship, fixed, and a small folder that is better for them."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lookalike.demo import FAMILIES, draw
from lookalike.learn.starter import WEIGHTS, Starter
from lookalike.learn.training import train
from lookalike.metrics import precision_at
from lookalike.search import ExactIndex

MOST = 8 << 20
"""Bytes that may ship."""


@pytest.fixture
def starter():
    made = Starter(mirrored=True)
    made.prepare()
    return made


def test_what_ships_is_small_and_whole():
    assert WEIGHTS.stat().st_size < MOST
    assert all(torch.isfinite(tensor).all() for tensor in load_file(WEIGHTS).values())


@pytest.mark.parametrize("size", [32, 48, 64, 128])
def test_features_of_length_1_for_every_size_the_same_in_a_mirror(starter, size):
    images = torch.rand(6, 3, size, size, generator=torch.Generator().manual_seed(0))
    seen = starter(images)
    assert seen.shape == (6, Starter.n_features)
    assert torch.allclose(seen, starter(images.flip(-1)), atol=1e-5)
    one_way = Starter(mirrored=False)
    one_way.prepare()
    assert one_way(images).norm(dim=1).numpy() == pytest.approx(1, abs=1e-5)
    assert (one_way(images) - one_way(images.flip(-1))).abs().max() > 1e-3


def test_a_picture_of_one_colour_is_a_picture_too(starter):
    assert torch.isfinite(starter(torch.zeros(2, 3, 64, 64))).all()


def test_a_folder_of_sixty_is_better_for_it_and_nothing_is_forgotten():
    kinds = np.tile(np.arange(20), 3)
    images = np.stack([draw(list(FAMILIES)[kind], seed, size=64) for seed, kind in enumerate(kinds)])
    found, shipped = {}, load_file(WEIGHTS)
    for started in (True, False):
        trained = train("siamese-vae", images, np.arange(60), epochs=2, settings={"starter": started})
        nearest, _ = ExactIndex(trained.encode(images)).neighbors(3)
        found[started] = precision_at(nearest, kinds, 2)
        if started:
            kept = trained.network.sight.starter.state_dict()
            assert all(torch.equal(value, shipped[name].float()) for name, value in kept.items())
    assert found[True] > found[False] > 0.1
