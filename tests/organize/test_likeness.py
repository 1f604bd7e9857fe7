"""Duplicates are grouped around one image without chaining; strangeness is the distance to the ten nearest."""

import numpy as np
import pytest

from lookalike.errors import SettingError
from lookalike.organize import alike, near_distances, same, strangeness


def neighbors(points, k=91):
    """Rows and distances (n, k), nearest first, itself first."""
    points = np.asarray(points, float)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, -1)
    rows = np.argsort(apart, axis=1, kind="stable")[:, :k]
    return rows.astype(np.int32), np.maximum(np.take_along_axis(apart, rows, 1), 0).astype(np.float32)


def grouped(points, within, *, contents=None, order=None, k=91):
    n = len(points)
    contents = np.arange(n) if contents is None else contents
    order = np.arange(n) if order is None else order
    return alike(*neighbors(points, k), within=within, contents=contents, order=order).tolist()


def line(*places):
    return np.array(places, float)[:, None]


def sphere(n, dim=16, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, dim))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_images_within_the_distance_are_one_group():
    assert grouped(line(0, 5, 0.1, 5.1, 9), 0.2) == [0, 1, 0, 1, 4]


def test_a_chain_does_not_become_one_group():
    chain = line(*np.arange(50) * 0.1)
    firsts = grouped(chain, 0.25)
    groups = [chain[np.array(firsts) == first] for first in set(firsts)]
    assert all(np.ptp(group) <= 0.5 for group in groups)
    assert 10 <= len(groups) <= 17


def test_a_group_lies_around_the_image_with_most_others_near():
    assert grouped(line(0, 0.1, 0.2, 0.3), 0.15) == [0, 0, 0, 3]
    assert grouped(line(0, 0.1, 0.14, 0.2), 0.12) == [0, 0, 0, 0]


def test_the_first_of_a_group_is_the_one_to_keep():
    assert grouped(line(0, 0.1, 0.2), 0.15, order=[2, 0, 1]) == [2, 2, 2]
    assert grouped(line(0, 9, 0.1, 9), 0.15, order=[3, 2, 1, 0]) == [2, 3, 2, 3]


def test_larger_distances_group_more_and_none_nothing():
    points = sphere(300, dim=4)
    alone = [sum(first == row for row, first in enumerate(grouped(points, within))) for within in (0, 0.1, 0.3, 0.6)]
    assert alone[0] == 300
    assert alone == sorted(alone, reverse=True)
    assert alone[-1] < 250


def test_a_pair_is_found_though_only_one_lists_the_other():
    points = line(0, 0.01, 0.02, -0.15)
    rows, _ = neighbors(points, 3)
    assert 3 not in rows[0]
    assert grouped(points, 0.16, k=3) == [0, 0, 0, 0]


def test_equal_contents_are_one_group_however_many_they_are():
    points = np.concatenate([np.zeros((200, 1)), line(0.1, 7)])
    contents = np.array(["a"] * 200 + ["b", "c"])
    assert grouped(points, 0.2, contents=contents, k=5) == [0] * 201 + [201]
    assert grouped(points, 0.2, k=5) == [0] * 201 + [201]  # the same embeddings of other contents
    assert same(contents, np.arange(202)).tolist() == [0] * 200 + [200, 201]
    assert same(["x", "y", "x"], [2, 1, 0]).tolist() == [2, 1, 2]


def test_one_image_and_none_that_is_like_it():
    assert grouped(line(1), 0.5) == [0]
    assert grouped(line(0, 9), 0.5) == [0, 1]


@pytest.mark.parametrize("within", [-0.1, float("nan")])
def test_what_is_no_distance_is_refused(within):
    with pytest.raises(SettingError, match="within="):
        grouped(line(0, 1), within)


def test_the_strangest_is_far_from_its_ten_nearest():
    points = np.concatenate([np.random.default_rng(0).normal(0, 0.1, (40, 3)), [[3, 0, 0]]])
    distances = neighbors(points)[1]
    far = strangeness(distances)
    assert (far.dtype, far.shape, far.argmax()) == (np.float32, (41,), 40)
    np.testing.assert_allclose(far, distances[:, 1:11].mean(1))


def test_strangeness_of_few_images():
    np.testing.assert_allclose(strangeness(neighbors(line(0, 1, 3))[1]), [2, 1.5, 2.5])
    assert (strangeness(neighbors(np.zeros((5, 2)))[1]) == 0).all()
    with pytest.raises(SettingError, match="single image"):
        strangeness(neighbors(line(0))[1])


def test_the_smaller_of_two_limits_counts():
    assert grouped(line(0, 0.1, 5, 5.1), [0.2, 0.2, 0.2, 0.05]) == [0, 0, 2, 3]


def test_limits_are_lower_where_images_are_crowded():
    crowded = sphere(60)[:, :8] * 0.1 + np.eye(16)[0, :8]
    points = np.concatenate([sphere(440, dim=8), crowded])
    distances = neighbors(points)[1]
    limits = near_distances(distances)
    assert (limits.dtype, limits.shape) == (np.float32, (500,))
    np.testing.assert_allclose(limits, np.minimum(distances[:, 50] / 4, 0.3), rtol=1e-6)
    assert limits[440:].max() < np.median(limits[:440])


def test_limits_are_larger_of_few_images():
    for n, most in {3: 0.5, 50: 0.5, 108: 0.5, 200: 0.407, 400: 0.323, 500: 0.3, 900: 0.3}.items():
        limits = near_distances(neighbors(sphere(n, dim=64))[1])
        assert limits == pytest.approx([most] * n, abs=1e-3)
