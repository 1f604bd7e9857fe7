"""Local features, and whether two pictures share them in one arrangement."""

import sys

import numpy as np
import pytest

from lookalike.errors import MissingExtraError
from lookalike.learn.geometry import STRONGEST, LocalFeatures, local_features, n_inliers


def seen(picture):
    return local_features(np.ascontiguousarray(picture))


COPIES = {
    "the same": lambda picture: picture,
    "a crop": lambda picture: picture[60:220, 40:200],
    "a quarter turn": np.rot90,
    "half the size": lambda picture: picture.reshape(128, 2, 128, 2, 3).mean((1, 3)).astype(np.uint8),
    "darker": lambda picture: (picture * 0.6).astype(np.uint8),
    "another colour": lambda picture: picture[:, :, ::-1],
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_has_many_inliers_and_another_picture_few(copy, scene):
    original, other = seen(scene(1)), seen(scene(2))
    changed = seen(COPIES[copy](scene(1)))
    assert n_inliers(original, changed) >= 15
    assert n_inliers(other, changed) < 8


def test_the_same_parts_in_another_arrangement_do_not_agree(scene):
    picture = scene(1)
    quarters = [picture[top : top + 128, left : left + 128] for top in (0, 128) for left in (0, 128)]
    a, b, c, d = quarters
    shuffled = np.vstack([np.hstack([d, np.rot90(a)]), np.hstack([np.rot90(b, 2), c])])
    together, apart = n_inliers(seen(picture), seen(picture)), n_inliers(seen(picture), seen(shuffled))
    assert apart < 0.5 * together


def test_a_mirrored_picture_agrees_only_with_its_mirror_image(scene):
    mirrored = scene(1)[:, ::-1]
    assert n_inliers(seen(scene(1)), seen(mirrored)) < 8
    assert n_inliers(seen(scene(1)[:, ::-1]), seen(mirrored)) >= 30


def test_flat_and_tiny_pictures_have_nothing_to_agree_on(scene):
    for flat in (np.full((64, 64, 3), 90, np.uint8), np.zeros((1, 1, 3), np.uint8), np.zeros((1, 512, 3), np.uint8)):
        features = local_features(flat)
        assert len(features) == 0
        assert features.descriptors.shape == (0, 128)
        assert n_inliers(features, seen(scene(1))) == n_inliers(seen(scene(1)), features) == 0
    one = LocalFeatures(np.zeros((1, 2), np.float32), np.ones((1, 128), np.float32) / np.float32(128**0.5))
    assert n_inliers(one, one) == 0


def test_features_are_bounded_and_of_length_one():
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    features = local_features(noise)
    assert len(features) == len(features.descriptors) == STRONGEST
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-4)


def test_it_is_always_the_same(scene):
    one, other = seen(scene(1)), seen(scene(1)[30:, 30:])
    assert len({n_inliers(one, other) for _ in range(5)}) == 1


def test_without_opencv_it_says_what_to_install(monkeypatch, scene):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"verify needs OpenCV.*pip install 'lookalike\[keypoints\]'"):
        local_features(scene(1))
