"""Motifs: what the starter sees, wherever it is."""

import pytest
import torch
from torch.nn import functional

from lookalike.learn.measures import DIRECTIONS, MOTIFS
from lookalike.learn.motifs import Motifs
from lookalike.learn.starter import Starter


@pytest.fixture
def seeing():
    """Images to their motifs, learned from them, by a starter that looks both ways or one."""

    def of(images, *, mirrored=True):
        starter, motifs = Starter(mirrored=mirrored), Motifs()
        starter.prepare()
        motifs.prepare(images, starter.maps)
        return lambda some: motifs(starter.maps(some)), motifs

    return of


def pictures(n, size=64):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [32, 48, 64, 128])
def test_one_row_for_each_image_the_same_in_a_mirror(seeing, size):
    images = pictures(5, size)
    see, _ = seeing(images)
    seen = see(images)
    assert seen.shape == (5, Motifs.n_features)
    assert torch.allclose(seen, see(images.flip(-1)), atol=1e-4)
    one_way, motifs = seeing(images, mirrored=False)
    assert (one_way(images) - one_way(images.flip(-1))).abs().max() > 1e-2
    kept = motifs.components[:, :5]
    assert torch.allclose(kept.T @ kept, torch.eye(5), atol=1e-4)
    assert not motifs.components[:, 5:].any()


def test_it_does_not_matter_where_a_thing_is_and_it_does_what_it_is(seeing):
    generator = torch.Generator().manual_seed(0)
    ground = torch.full((4, 3, 64, 64), 0.5)
    thing, other = torch.rand(2, 3, 16, 16, generator=generator)
    for number, (what, at) in enumerate([(thing, 8), (thing, 40), (other, 8), (other, 40)]):
        ground[number, :, at : at + 16, at : at + 16] = what
    see, _ = seeing(torch.cat([ground, pictures(20)]))
    apart = torch.cdist(see(ground), see(ground))
    assert apart[0, 1] < 0.8 * apart[0, 2]
    assert apart[2, 3] < 0.8 * apart[0, 2]


def test_they_are_vlad_softly_assigned(seeing):
    images = pictures(3)
    see, motifs = seeing(images, mirrored=False)
    starter = Starter(mirrored=False)
    starter.prepare()
    features = starter.maps(images)[0][1][0].flatten(1).T
    points = (features - motifs.mean1) @ motifs.matrix1
    shares = torch.softmax(-torch.cdist(points, motifs.words1).square() / (0.1 * DIRECTIONS * motifs.spread1), 1)
    summed = torch.stack([(shares[:, word, None] * (points - motifs.words1[word])).sum(0) for word in range(MOTIFS)])
    summed = functional.normalize(summed, dim=1).flatten()
    expected = functional.normalize(summed.sign() * summed.abs().sqrt(), dim=0)
    motifs.components.copy_(torch.eye(2 * len(expected))[:, -motifs.n_features :])
    assert torch.allclose(see(images)[0], expected[-motifs.n_features :], atol=1e-3)


def test_the_same_sample_gives_the_same_and_one_of_one_colour_gives_numbers(seeing):
    images = pictures(30)
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        made.append(seeing(images)[0](images))
    assert torch.equal(*made)
    even = torch.full((1, 3, 32, 32), 0.3)
    assert torch.isfinite(seeing(even)[0](even)).all()
