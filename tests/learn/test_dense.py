"""Gradients and colours around every place, without a network."""

import pytest
import torch

from lookalike.learn.dense import dense_colours, dense_gradients
from lookalike.learn.measures import DENSE_CHANNELS, TINT_CHANNELS
from lookalike.learn.motifs import Motifs


def pictures(n, size=64):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


LOOKS = [(dense_gradients, DENSE_CHANNELS), (dense_colours, TINT_CHANNELS)]


@pytest.mark.parametrize("size", [32, 48, 64, 128])
@pytest.mark.parametrize(("look", "channels"), LOOKS)
def test_every_place_of_both_ways_has_as_many_numbers_as_is_said(look, channels, size):
    both = look(pictures(3, size), mirrored=True)
    assert len(both) == 2
    for way in both:
        assert tuple(maps.shape[1] for maps in way) == channels
        assert all(maps.shape[2] == maps.shape[3] for maps in way)
        assert all(maps.min() >= 0 and maps.square().sum(1).max() <= 1 for maps in way)
    assert len(look(pictures(3, size), mirrored=False)) == 1


@pytest.mark.parametrize(("look", "_"), LOOKS)
def test_the_second_way_is_what_the_mirrored_picture_gives(look, _):
    images = pictures(2)
    (_, turned), (other,) = look(images, mirrored=True), look(images.flip(-1), mirrored=False)
    for one, same in zip(turned, other, strict=True):
        assert torch.allclose(one, same, atol=1e-4)


def test_gradients_do_not_hear_of_how_strong_the_light_is_but_a_plain_wall_is_silent():
    images = pictures(2)
    (bright,), (dim,) = (dense_gradients(of, mirrored=False) for of in (images, images / 2))
    assert all((one - other).abs().max() < 0.1 for one, other in zip(bright, dim, strict=True))
    wall = 0.5 + 0.002 * (images - 0.5)
    (silent,) = dense_gradients(wall, mirrored=False)
    assert all(maps.square().sum(1).mean() < 0.1 for maps in silent)
    assert all(maps.square().sum(1).mean() > 0.8 for maps in bright)


def test_colours_tell_what_gradients_do_not():
    images = pictures(2).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    red = images * torch.tensor([1.0, 0.4, 0.4])[:, None, None]
    (grey,), (tinted,) = (dense_colours(of, mirrored=False) for of in (images, red))
    assert (grey[0] - tinted[0]).abs().max() > 0.3


def test_motifs_are_made_of_them():
    images = pictures(20)
    for look, channels in LOOKS:
        motifs = Motifs(channels)
        motifs.prepare(images, lambda few, look=look: look(few.float(), mirrored=True))
        seen = motifs(look(images, mirrored=True))
        assert seen.shape == (20, Motifs.n_features)
        assert torch.allclose(seen, motifs(look(images.flip(-1), mirrored=True)), atol=1e-4)
        assert torch.linalg.matrix_rank(seen) >= 19
