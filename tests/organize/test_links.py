"""Links of the neighbours' graph: how many clusters cut, and the pieces that they bring together."""

import numpy as np
import pytest

from lookalike.organize import links
from lookalike.organize.links import gains_of_joining, links_between, merged, modularity


@pytest.mark.parametrize("block", [3, 50_000])
def test_links_are_counted_from_both_ends(block, monkeypatch):
    monkeypatch.setattr(links, "_BLOCK", block)
    rng = np.random.default_rng(0)
    clusters, neighbors = rng.integers(0, 4, 20).astype(np.int32), rng.integers(-1, 20, (20, 5)).astype(np.int32)
    expected = np.zeros((4, 4))
    for of, near in enumerate(neighbors):
        for to in near[near >= 0]:
            expected[clusters[of], clusters[to]] += 1
            expected[clusters[to], clusters[of]] += 1
    np.testing.assert_array_equal(links_between(clusters, neighbors, 4), expected)
    shares = expected / expected.sum()
    by_hand = np.trace(shares) - np.square(shares.sum(axis=1)).sum()
    assert modularity(clusters, neighbors, 4) == pytest.approx(by_hand, abs=1e-12)
    assert (neighbors < 0).any()


def test_modularity_is_that_of_the_literature():
    # Two triangles joined by one link: 14 ends, 7 of either; 12 of 14 within.
    near = np.array([[1, 2, -1], [2, -1, 3], [-1, -1, -1], [4, 5, -1], [5, -1, -1], [-1, -1, -1]])
    assert modularity(np.array([0, 0, 0, 1, 1, 1]), near, 2) == pytest.approx(6 / 7 - 1 / 2)
    assert modularity(np.array([0, 1, 0, 1]), np.array([[1, 2], [0, 3], [3, 0], [2, 1]]), 2) == 0
    assert modularity(np.array([0, 1]), np.array([[1], [0]]), 2) == -0.5
    assert modularity(np.zeros(3, int), np.full((3, 2), -1), 1) == 0


def test_resolution_weighs_chance():
    near = np.array([[1, 2, -1], [2, -1, 3], [-1, -1, -1], [4, 5, -1], [5, -1, -1], [-1, -1, -1]])
    assert modularity(np.array([0, 0, 0, 1, 1, 1]), near, 2, resolution=1.4) == pytest.approx(6 / 7 - 1.4 / 2)


@pytest.mark.parametrize("resolution", [1.0, 1.4])
def test_the_gain_of_joining_is_what_modularity_gains(resolution):
    rng = np.random.default_rng(0)
    pieces, neighbors = rng.integers(0, 5, 60), rng.integers(-1, 60, (60, 7))
    gains = gains_of_joining(links_between(pieces, neighbors, 5), resolution)
    before = modularity(pieces, neighbors, 5, resolution=resolution)
    for one, other in [(0, 1), (1, 4), (3, 2)]:
        joined = np.where(pieces == other, one, pieces)
        after = modularity(joined, neighbors, 5, resolution=resolution)
        assert gains[one, other] == gains[other, one] == pytest.approx(after - before, abs=1e-12)
    assert not gains_of_joining(np.zeros((3, 3))).any()


def test_merges_what_has_most_links_for_its_size():
    between = np.array([[90.0, 0, 8, 4], [0, 90, 0, 1], [8, 0, 300, 5], [4, 1, 5, 10]])
    # 0 and 2 share most links, but 3 is so small that its 4 with 0 are more.
    assert merged(between, 4).tolist() == [0, 1, 2, 3]
    assert merged(between, 3).tolist() == [0, 1, 2, 0]
    assert merged(between, 2).tolist() == [0, 1, 0, 0]
    assert merged(between, 1).tolist() == [0, 0, 0, 0]


def test_merging_does_not_depend_on_the_order_of_the_pieces():
    rng = np.random.default_rng(1)
    between = rng.integers(0, 50, (30, 30)).astype(float)
    between += between.T
    order = rng.permutation(30)
    found, shuffled = merged(between, 7), merged(between[np.ix_(order, order)], 7)
    assert len(np.unique(found)) == 7
    together = found[:, None] == found
    np.testing.assert_array_equal(together[np.ix_(order, order)], shuffled[:, None] == shuffled)


def test_pieces_without_links_are_merged_as_well():
    assert merged(np.zeros((5, 5)), 2).tolist() == [0, 0, 0, 0, 1]


def test_merging_is_what_it_says_step_by_step():
    rng = np.random.default_rng(2)
    between = rng.poisson(0.5, (40, 40)) + np.triu(rng.uniform(0, 0.01, (40, 40)))  # no ties
    between = between + between.T
    groups = [[piece] for piece in range(40)]
    while len(groups) > 9:
        ends = [between[group].sum() for group in groups]
        pairs = [(a, b) for a in range(len(groups)) for b in range(a)]
        a, b = max(
            pairs,
            key=lambda pair: between[np.ix_(*(groups[one] for one in pair))].sum() / (ends[pair[0]] * ends[pair[1]]),
        )
        groups[b] += groups.pop(a)
    expected = np.zeros(40, int)
    for number, group in enumerate(groups):
        expected[group] = number
    found = merged(between, 9)
    np.testing.assert_array_equal(found[:, None] == found, expected[:, None] == expected)
