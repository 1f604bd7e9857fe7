"""Whether mirror images belong to the folder."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lookalike import learn
from lookalike.learn.symmetry import ENOUGH, differences, mirror_distance


@pytest.fixture(scope="module")
def digits():
    """400 scanned digits, uint8 (400, 32, 32, 3)."""
    grey = (load_digits().images[:400] * 255 / 16).astype(np.uint8)
    return np.repeat(np.kron(grey, np.ones((4, 4), np.uint8))[..., None], 3, 3)


def floats(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 255


def test_mirrored_digits_are_unlike_digits(digits):
    assert mirror_distance(floats(digits)) > 1.5
    assert differences(floats(digits)) == ("crop", "scale")


def test_of_pictures_that_come_mirrored_too_mirror_images_are_alike(digits):
    both = np.where(np.arange(400)[:, None, None, None] % 2, digits, digits[:, :, ::-1])
    assert 0.9 < mirror_distance(floats(both)) < 1.15
    assert differences(floats(both)) == ("flip", "crop", "scale")


def test_few_or_equal_images_tell_nothing(digits):
    assert mirror_distance(floats(digits[: ENOUGH - 1])) == 1
    assert mirror_distance(floats(np.repeat(digits[:1], ENOUGH, 0))) == 1
    assert mirror_distance(floats(np.concatenate([digits, digits]))) == 1


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
    trained = learn.train("siamese-vae", digits, np.arange(400), epochs=0, settings=settings)
    assert trained.settings["ignore"] == found
    assert trained.facts.get("ignore") == (None if given else found)
    trained.save(tmp_path)
    again = learn.load_model(tmp_path)
    np.testing.assert_array_equal(again.encode(digits[:9]), trained.encode(digits[:9]))
    alike = np.abs(again.encode(digits[:9]) - again.encode(digits[:9, :, ::-1])).max() < 0.1
    assert alike == ("flip" in found)
