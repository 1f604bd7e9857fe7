"""Whether mirror images belong to the folder."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lookalike import learn
from lookalike.learn.symmetry import ENOUGH, differences, mirror_distance
from lookalike.learn.views import another_view

ALIKE, APART = ("flip", "crop", "scale"), ("crop", "scale")


@pytest.fixture(scope="module")
def digits():
    """1,200 scanned digits, uint8 (1200, 32, 32, 3)."""
    grey = (load_digits().images[:1200] * 255 / 16).astype(np.uint8)
    return np.repeat(np.kron(grey, np.ones((4, 4), np.uint8))[..., None], 3, 3)


@pytest.fixture(scope="module")
def either_way(digits):
    """Digits of which half are mirrored: pictures that come both ways."""
    return np.where(np.arange(len(digits))[:, None, None, None] % 2, digits, digits[:, :, ::-1])


def floats(images):
    return torch.nn.functional.interpolate(torch.from_numpy(images).permute(0, 3, 1, 2) / 255, (64, 64))


def test_mirrored_digits_are_unlike_digits(digits):
    assert mirror_distance(floats(digits)) > 1.25
    assert differences(digits) == APART


def test_of_pictures_that_come_mirrored_too_mirror_images_are_alike(either_way):
    assert 0.9 < mirror_distance(floats(either_way)) < 1.05
    assert differences(either_way) == ALIKE


def test_more_takes_of_the_same_things_change_nothing(digits, either_way):
    for images, expected in ((digits, APART), (either_way, ALIKE)):
        again = [another_view(images[:350], ["crop"], seed=seed) for seed in range(3)]
        assert differences(np.concatenate([images[:350], *again])) == expected


def test_few_or_equal_images_tell_nothing(digits):
    assert differences(digits[: ENOUGH - 1]) == ALIKE
    assert mirror_distance(floats(np.repeat(digits[:1], ENOUGH, 0))) == 1


def test_large_images_are_looked_at_small(digits):
    large = np.kron(digits, np.ones((1, 4, 4, 1), np.uint8))
    assert differences(large) == differences(digits)


def test_nothing_random_is_disturbed(digits):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = mirror_distance(floats(digits))
    assert torch.equal(torch.rand(3), expected)
    assert mirror_distance(floats(digits)) == first


@pytest.mark.parametrize(
    ("given", "found"), [({}, ["crop", "scale"]), ({"ignore": ["flip"]}, ["flip"]), ({"ignore": []}, [])]
)
def test_the_folder_decides_where_the_user_does_not(digits, given, found, tmp_path):
    settings = {"dim": 4, "size": 32, "width": 8, **given}
    trained = learn.train("siamese-vae", digits, np.arange(len(digits)), epochs=0, settings=settings)
    assert trained.settings["ignore"] == found
    assert trained.facts.get("ignore") == (None if given else found)
    trained.save(tmp_path)
    again = learn.load_model(tmp_path)
    np.testing.assert_array_equal(again.encode(digits[:9]), trained.encode(digits[:9]))
    alike = np.abs(again.encode(digits[:9]) - again.encode(digits[:9, :, ::-1])).max() < 0.1
    assert alike == ("flip" in found)
