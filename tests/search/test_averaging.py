"""Embeddings averaged with those around them: what moves, how far, and that a query is taken for what it is."""

import numpy as np
import pytest

from lookalike.search import ExactIndex, averaged, averaged_queries, ranked
from lookalike.search.averaging import AROUND


def unit(points):
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def points():
    """Ten groups of sixty in sixteen dimensions, rather noisy."""
    rng = np.random.default_rng(0)
    return unit(np.repeat(rng.normal(size=(10, 16)), 60, axis=0) + 0.9 * rng.normal(size=(600, 16)))


@pytest.fixture(scope="module")
def groups():
    return np.repeat(np.arange(10), 60)


def by_hand(point, among):
    """One point, by the definition: the mean of the 21 nearest, itself among them or not, counts twice what it does."""
    far = np.linalg.norm(among - point, axis=1)
    nearest = np.argsort(far)[: AROUND + 1]
    weights = 1 - (far[nearest] / far[nearest[-1]]) ** 2
    moved = point + 2 * (weights[:, None] * among[nearest]).sum(0) / weights.sum()
    return moved / np.linalg.norm(moved)


def all_averaged(points, k=91):
    return averaged(points, *ExactIndex(points).neighbors(k), points)


def precision(points, groups):
    rows = ExactIndex(points).neighbors(11)[0][:, 1:]
    return (groups[rows] == groups[:, None]).mean()


def test_it_is_moved_to_the_weighted_mean_of_what_is_around(points):
    moved = all_averaged(points)
    assert (moved.dtype, moved.shape) == (np.float32, points.shape)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    for row in (0, 77, 599):
        np.testing.assert_allclose(moved[row], by_hand(points[row], points), atol=1e-5)


def test_more_of_the_nearest_are_alike(points, groups):
    assert precision(all_averaged(points), groups) > precision(points, groups) + 0.05


@pytest.mark.parametrize("n", [1, 10, 30, 120, 250])
def test_copies_stay_one_and_so_does_a_query_with_their_file(points, n):
    with_copies = np.concatenate([points, np.repeat(points[:1], n, axis=0)])
    moved = all_averaged(with_copies)
    np.testing.assert_allclose(moved[600:], np.repeat(moved[:1], n, axis=0), atol=1e-6)
    assert np.allclose(moved[0], points[0], atol=1e-6) == (n >= AROUND)
    found = averaged_queries(points[:1], with_copies, ExactIndex(moved))
    np.testing.assert_allclose(found, moved[:1], atol=1e-5)


def test_what_is_nearly_an_image_is_averaged_nearly_as_it_is(points):
    rng = np.random.default_rng(2)
    moved = all_averaged(points)
    for apart in (1e-4, 2e-3, 5e-3, 2e-2):
        nearly = unit(points + apart * unit(rng.normal(size=points.shape)))
        found = averaged_queries(nearly, points, ExactIndex(moved))
        assert np.linalg.norm(found - moved, axis=1).max() < 2 * apart


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_of_a_handful(points, n):
    few = points[:n]
    moved = all_averaged(few)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert np.allclose(moved, few, atol=1e-6) == (n < 3)  # the last one counts nothing, and there is none before it


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_all_alike_stay_where_they_are(value):
    points = np.full((40, 16), value, np.float32)
    np.testing.assert_array_equal(all_averaged(points), points)


def test_nothing_depends_on_how_many_are_done_at_once(points, monkeypatch):
    at_once = all_averaged(points)
    monkeypatch.setattr("lookalike.search.exact._BLOCK_BYTES", 8 * 16 * 21 * 7)
    np.testing.assert_array_equal(all_averaged(points), at_once)


def test_a_query_that_is_an_image_gets_what_the_image_has(points):
    moved = all_averaged(points)
    index = ExactIndex(moved)
    asked = points + np.random.default_rng(1).normal(size=points.shape).astype(np.float32) * 1e-6
    np.testing.assert_allclose(averaged_queries(asked, points, index), moved, atol=1e-4)
    assert averaged_queries(points[:0], points, index).shape == (0, 16)


def test_a_query_from_elsewhere_goes_where_its_neighbours_are(points):
    kept, stranger = points[:-1], points[-1:]
    found = averaged_queries(stranger, kept, ExactIndex(all_averaged(kept)))[0]
    np.testing.assert_allclose(found, by_hand(stranger[0], kept), atol=1e-5)


def test_candidates_are_put_in_order_itself_first(points):
    rows, distances = ExactIndex(points).neighbors(91)
    found = ranked(points, np.random.default_rng(0).permuted(rows, axis=1))
    assert [array.dtype for array in found] == [np.int32, np.float32]
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_allclose(found[1], distances, atol=1e-6)
    copies = np.repeat(points[:1], 5, axis=0)
    order, apart = ranked(copies, np.tile(np.arange(5), (5, 1)))
    np.testing.assert_array_equal(order[:, 0], np.arange(5))
    assert not apart.any()


def test_the_nearest_among_the_neighbours_are_the_nearest_of_all(points):
    rows, distances = ExactIndex(points).neighbors(91)
    moved = averaged(points, rows, distances, points)
    true = ExactIndex(moved).neighbors(11)[0]
    found = ranked(moved, rows)[0][:, :11]
    assert np.mean([len(set(one) & set(other)) / 11 for one, other in zip(found, true, strict=True)]) > 0.99
