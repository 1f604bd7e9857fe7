"""Patches: words of the folder, and how much of each a picture has."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from lookalike.learn.device import in_parallel
from lookalike.learn.patches import Patches


def stripes(n, side, *, across):
    """Pictures (n, 3, side, side) of stripes at random places, of one direction, over a little noise."""
    generator = torch.Generator().manual_seed(int(across))
    offsets = torch.rand(n, 1, 1, generator=generator) * 6.28
    wave = 0.5 + 0.4 * torch.sin(torch.arange(side) * 0.9 + offsets)  # (n, 1, side)
    pictures = wave.expand(n, side, side)
    if across:
        pictures = pictures.transpose(1, 2)
    noise = 0.05 * torch.rand(n, 3, side, side, generator=generator)
    return (pictures[:, None] + noise).clamp(0, 1)


@pytest.fixture(scope="module")
def textures():
    return torch.cat([stripes(30, 64, across=False), stripes(30, 64, across=True)])


@pytest.mark.parametrize("mirrored", [True, False])
def test_they_tell_textures_apart_wherever_they_lie(textures, mirrored):
    patches = Patches(64, mirrored=mirrored)
    assert patches(textures[:2]).count_nonzero() == 0, "nothing is known before the folder was seen"
    patches.prepare(textures)
    described = patches(textures)
    assert described.shape == (60, patches.n_features)
    distances = torch.cdist(described, described).fill_diagonal_(torch.inf)
    assert (distances.argmin(1) // 30 == torch.arange(60) // 30).all()
    assert distances[:30, 30:].min() > distances[:30, :30][~torch.eye(30, dtype=bool)].max()


def test_mirrored_pictures_give_the_same_when_asked_and_not_otherwise(textures):
    slanted = torch.stack([picture.roll(row, -1) for picture, row in zip(textures, range(60), strict=True)])
    slanted = torch.stack([torch.stack([p[:, row].roll(row, -1) for row in range(64)], 1) for p in slanted])
    for mirrored, same in ((True, True), (False, False)):
        patches = Patches(64, mirrored=mirrored)
        patches.prepare(slanted)
        assert torch.allclose(patches(slanted), patches(slanted.flip(-1)), atol=1e-4) is same


def test_the_same_sample_gives_the_same_words_whatever_was_drawn_before(textures):
    first, second = Patches(64, mirrored=True), Patches(64, mirrored=True)
    first.prepare(textures)
    torch.rand(3)
    second.prepare(textures)
    assert torch.equal(first.words, second.words)
    assert torch.allclose(first.words.norm(dim=1), torch.ones(len(first.words)))


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 32, 32), torch.full((5, 3, 48, 48), 0.5)])
def test_pictures_without_any_pattern_are_described_by_finite_numbers(images):
    patches = Patches(64, mirrored=True)
    patches.prepare(images)
    assert torch.isfinite(patches(images)).all()


def test_in_parallel_is_the_same_as_all_at_once_and_leaves_the_threads_alone(textures):
    before = torch.get_num_threads()
    weight = torch.ones(1, requires_grad=True)
    expected = textures.flatten(1).square()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert torch.equal(in_parallel(lambda few: few.flatten(1).square(), textures, 7), expected)
            assert torch.get_num_threads() == threads
            assert not in_parallel(lambda few: few * weight, textures, 7).requires_grad
    finally:
        torch.set_num_threads(before)


def test_in_parallel_hands_on_errors(textures):
    def fail(few):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_parallel(fail, textures, 7)


def test_in_parallel_restores_the_threads_when_several_ask_at_once(textures):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with ThreadPoolExecutor(3, initializer=torch.set_num_threads, initargs=(3,)) as threads:
            jobs = [threads.submit(in_parallel, lambda few: few.flatten(1).square(), textures, 7) for _ in range(12)]
            assert all(torch.equal(job.result(), textures.flatten(1).square()) for job in jobs)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
