"""Which of k-means' results is kept, and how links make it better."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from lookalike.metrics import adjusted_rand_index
from lookalike.organize import cluster, kmeans
from lookalike.organize.clustering import repeatably


def linked_within(groups, n=31):
    """Each row's neighbours: itself, then others of its group."""
    rng = np.random.default_rng(0)
    near = np.stack([rng.choice(np.flatnonzero(groups == group), n, replace=False) for group in groups])
    near[:, 0] = np.arange(len(groups))
    return near


def islands(n=50):
    """Four on a line, the first two of which are one group; and each image's neighbours."""
    groups = np.repeat([0, 0, 1, 2], n)
    return on_a_line([0.0, 3.0, 5.5, 10.0], n), groups, linked_within(groups)


def on_a_line(places, n=50):
    """n points around each of these places."""
    return np.repeat(places, n)[:, None] + np.random.default_rng(0).normal(scale=0.2, size=(len(places) * n, 1))


def test_a_cluster_is_split_and_two_are_joined(monkeypatch):
    groups = np.repeat([0, 1, 2, 3], 60)
    points = on_a_line([0.0, 10.0, 20.0, 50.0], 60)
    stuck = groups.clip(2)  # the next two are one, and the first is in two
    stuck[:60] = points[:60, 0] > np.median(points[:60, 0])
    near = linked_within(groups)[:, 1:]
    again = kmeans._from_clusters(points, stuck, 4, 0).labels_
    assert adjusted_rand_index(again, stuck) > 0.99, "k-means itself does not find out of it"
    monkeypatch.setattr(kmeans, "_moves_of_halves", lambda *_: [])
    assert adjusted_rand_index(kmeans.exchanged(points, stuck, near, 4, 0), groups) == 1


def test_what_exchanges_promise():
    of_joining = np.array([[0.0, 3.0, -1.0], [3.0, 0.0, 2.0], [-1.0, 2.0, 0.0]])
    of_split = np.array([-1.0, -2.0, -0.5])
    assert list(kmeans._splits_and_joins(of_joining, of_split)) == [
        (-1.0 + 2.0, {4: 1, 5: 1, 1: 2}),  # the third becomes the second, the half of the first the third
        (-2.0 - 1.0, {4: 0, 5: 0, 3: 2}),
        (-0.5 + 3.0, {2: 0, 3: 0, 5: 1}),
    ]
    halves = np.zeros((3, 2, 3))
    halves[0, 1, 2], halves[2, 0, 2], halves[2, 0, 1] = 4.0, 9.0, 1.0  # a half joined to its own cluster is no move
    halves[1, 0, 0] = 5.0
    expected = [(-1.0 + 4.0, {1: 2}), (-2.0 + 5.0, {2: 0}), (-0.5 + 1.0, {4: 1})]
    assert list(kmeans._moves_of_halves(halves, of_split)) == expected
    assert kmeans._after({1: 2}, np.array([0, 1, 2, 3, 4, 5]), 3).tolist() == [0, 2, 1, 1, 2, 2]


def test_half_of_a_cluster_goes_to_another():
    points, groups = on_a_line([0.0, 3.5, 8.0]), np.repeat([0, 0, 1], 50)
    stuck, near = np.repeat([0, 1, 1], 50), linked_within(groups)[:, 1:]
    assert adjusted_rand_index(kmeans._from_clusters(points, stuck, 2, 0).labels_, stuck) == 1
    assert adjusted_rand_index(kmeans.exchanged(points, stuck, near, 2, 0), groups) == 1


@pytest.mark.parametrize("seed", range(3))
def test_exchanges_make_modularity_larger(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(300, 3))
    near = np.argsort(((points[:, None] - points) ** 2).sum(axis=2), axis=1)[:, 1:16]
    before = kmeans.by_inertia(points, 8, seed, 1)
    after = kmeans.exchanged(points, before, near, 8, seed)
    assert kmeans._held(after, near, 8) > kmeans._held(before, near, 8)
    assert np.bincount(after, minlength=8).min() > 0
    np.testing.assert_array_equal(after, kmeans.exchanged(points, before, near, 8, seed))


def test_identical_rows_stay_together_and_without_links_nothing_moves():
    points, groups = np.repeat([[0.0], [1.0], [2.0], [9.0]], 20, axis=0), np.repeat([0, 0, 1, 2], 20)
    near, stuck = linked_within(groups, 20)[:, 1:], np.repeat([0, 1, 1, 2], 20)
    with repeatably():
        assert kmeans.exchanged(points, stuck, near, 3, 0).tolist() == groups.tolist()
        assert kmeans.exchanged(points, stuck, np.full((80, 5), -1), 3, 0).tolist() == stuck.tolist()
        empty = np.repeat([0, 1, 1, 3], 20)
        found = kmeans.exchanged(points, empty, near, 4, 0)
    assert len(found) == 80


def test_only_different_tries_go_on():
    _, groups, neighbors = islands()
    right, wrong = groups, np.repeat([1, 0, 0, 2], 50)
    tries = [SimpleNamespace(labels_=found, inertia_=1.0) for found in (wrong, right, 2 - right, wrong)]
    best = kmeans._best_different(tries, neighbors[:, 1:], 3)
    assert [found.tolist() for found in best] == [right.tolist(), wrong.tolist()]


def test_links_bring_islands_together(monkeypatch):
    points, groups, neighbors = islands()
    assert adjusted_rand_index(cluster(points, 3), groups) < 0.7
    linked = cluster(points, 3, neighbors=neighbors)
    assert adjusted_rand_index(linked, groups) == 1
    assert linked.tolist() == (np.repeat([0, 1, 2], [100, 50, 50])).tolist()
    monkeypatch.setattr(kmeans, "_MINI_BATCHES_FROM", 100)
    assert adjusted_rand_index(cluster(points, 3, neighbors=neighbors), groups) == 1


def test_links_choose_among_the_tries(monkeypatch):
    points, _, neighbors = islands()
    monkeypatch.setattr(kmeans, "_MOST_PIECES", 0)
    right, wrong = np.repeat([0, 0, 1, 2], 50), np.repeat([1, 0, 0, 2], 50)
    tries = [SimpleNamespace(labels_=found, inertia_=float(far)) for far, found in enumerate((wrong, right, wrong))]
    monkeypatch.setattr(kmeans, "_tries", lambda *_: tries)
    assert cluster(points, 3, neighbors=neighbors).tolist() == right.tolist()
    elsewhere = np.where(neighbors // 50 == np.arange(200)[:, None] // 50, neighbors, -1)  # to no other island
    elsewhere[50:100, 1:21] = np.arange(100, 120)
    assert cluster(points, 3, neighbors=elsewhere).tolist() == wrong.tolist()
    unlinked = np.arange(200)[:, None]
    assert cluster(points, 3, neighbors=unlinked).tolist() == wrong.tolist(), "then the least inertia decides"


def test_links_of_small_clusters_do_not_lead_out_of_them():
    assert [kmeans.judging_links(*size) for size in [(5_096, 17), (2_000, 40), (1_280, 80)]] == [20, 10, 5]


def test_links_choose_from_more_tries_where_they_cost_little(monkeypatch):
    assert [kmeans.linked_restarts(*size) for size in [(5_000, 17), (70_000, 20), (90_000, 200)]] == [80, 71, 10]
    points, _, neighbors = islands()
    points = points + np.random.default_rng(5).normal(scale=1.5, size=points.shape)

    near = neighbors[:, 1 : 1 + kmeans.judging_links(len(points), 12)]

    def held(restarts):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kmeans, "_LINKED_RESTARTS", restarts)
            patch.setattr(kmeans, "RESTARTS", 1)
            found = [cluster(points, 12, seed=seed, neighbors=neighbors) for seed in range(5)]
        return [kmeans._held(clusters, near, 12) for clusters in found]

    monkeypatch.setattr(kmeans, "exchanged", lambda _, clusters, *__: clusters)
    monkeypatch.setattr(kmeans, "_from_merged", lambda *_: [])
    few, many = held(1), held(80)
    assert all(more >= less for more, less in zip(many, few, strict=True))
    assert many != few


def test_the_same_links_give_the_same_clusters():
    points, _ = make_blobs(600, 10, centers=9, cluster_std=4, random_state=0)
    near = np.argsort(((points[:, None] - points) ** 2).sum(axis=2), axis=1)[:, :40]
    first, again = (cluster(points, 9, seed=3, neighbors=near) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == 9
