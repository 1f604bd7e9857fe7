"""How many clusters there seem to be."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from lookalike.errors import SettingError
from lookalike.organize import choose_k, choosing


def blobs(k, noise=0, sizes=None, seed=0):
    points, truth = make_blobs(sizes or 600, 10, centers=None if sizes else k, cluster_std=1.5, random_state=seed)
    return np.hstack([points, np.random.default_rng(seed).normal(scale=1.5, size=(len(points), noise))]), truth


def nested(seed=0):
    """Three heaps far apart, each of four blobs."""
    rng = np.random.default_rng(seed)
    heaps = np.repeat(rng.normal(size=(3, 6)) * 20, 4, axis=0)
    return np.repeat(heaps + rng.normal(size=(12, 6)) * 4, 50, axis=0) + rng.normal(size=(600, 6))


@pytest.mark.parametrize("noise", [0, 5])
@pytest.mark.parametrize("k", [3, 8, 15])
def test_chooses_the_number_of_blobs(k, noise):
    choice = choose_k(blobs(k, noise=noise)[0])
    assert choice.n_clusters == k
    assert choice.n_clusters in set(choice.curve["k"])
    assert choice.curve["modularity"].between(-0.5, 1).all()
    assert choice.curve["modularity"].idxmax() == choice.curve["k"].searchsorted(k)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_chooses_close_to_it_when_sizes_differ_tenfold(seed):
    points, _ = blobs(8, sizes=[300, 150, 80, 60, 40, 40, 30, 30], seed=seed)
    assert 7 <= choose_k(points).n_clusters <= 8


def test_is_not_content_with_the_coarsest_division():
    assert choose_k(nested()).n_clusters == 12


@pytest.mark.parametrize("points", [np.random.default_rng(0).uniform(size=(500, 2)), blobs(1)[0]])
def test_does_not_sit_at_the_limit_where_there_are_no_groups(points):
    choice = choose_k(points)
    assert choice.n_clusters < choice.curve["k"].max() / 2


def test_neighbours_decide_where_the_points_mislead():
    """Five groups, each of which a layout has torn into two islands."""
    embeddings, truth = blobs(5)
    halves = np.random.default_rng(0).integers(0, 2, len(truth))
    layout = np.stack([100 * truth, 20 * halves], 1) + np.random.default_rng(1).normal(size=(len(truth), 2))
    assert choose_k(layout).n_clusters == 10
    assert choose_k(layout, embeddings).n_clusters == 5


def test_tries_what_it_is_told():
    choice = choose_k(blobs(8)[0], k_range=[9, 4, 8, 4], method="ward")
    assert choice.curve["k"].tolist() == [4, 8, 9]
    assert choice.n_clusters == 8


def test_large_collections_are_sampled_by_the_seed(monkeypatch):
    points, _ = blobs(5)
    monkeypatch.setattr(choosing, "_CLUSTERED", 300)
    first, again, other = (choose_k(points, seed=seed, k_range=range(2, 9)) for seed in (0, 0, 1))
    assert first.n_clusters == again.n_clusters == other.n_clusters == 5
    assert first.curve.equals(again.curve)
    assert not first.curve.equals(other.curve)


@pytest.mark.parametrize("n_each", [3, 4, 10])
def test_finds_three_groups_of_few(n_each):
    groups = np.repeat(np.eye(3) * 10, n_each, axis=0)
    assert choose_k(groups + np.random.default_rng(0).normal(size=groups.shape)).n_clusters == 3


def test_worse_than_chance_is_one_cluster():
    """Neighbours that the points keep apart."""
    points = np.repeat([[0.0], [1.0]], 10, axis=0) + np.random.default_rng(0).normal(scale=0.01, size=(20, 1))
    embeddings = np.tile(np.arange(10.0)[:, None], (2, 1)) + np.repeat([[0.0], [0.1]], 10, axis=0)
    choice = choose_k(points, embeddings, k_range=[2])
    assert (choice.n_clusters, len(choice.curve)) == (1, 0)
    assert choose_k(points, k_range=[2]).n_clusters == 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10])
def test_chooses_among_a_handful(n):
    points = np.random.default_rng(0).normal(size=(n, 3))
    choice = choose_k(points)
    assert choice.n_clusters == 1 if n < 4 else 1 <= choice.n_clusters < n
    assert choose_k(points * 0).n_clusters == choose_k(points, points * 0).n_clusters == 1
    assert list(choice.curve.columns) == ["k", "modularity"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k_range": [1, 2]}, "expected numbers from 2 to 19"),
        ({"k_range": [20]}, "expected numbers from 2 to 19"),
        ({"method": "hdbscan"}, "expected one of kmeans, gmm, ward"),
        ({"embeddings": np.zeros((19, 3))}, "embeddings are of 19 images and points of 20"),
    ],
)
def test_errors_say_what_was_expected(settings, message):
    with pytest.raises(SettingError, match=message):
        choose_k(np.random.default_rng(0).normal(size=(20, 3)), **settings)


def test_progress_counts_the_numbers_tried():
    calls = []
    choose_k(blobs(3)[0], k_range=[2, 3, 5], progress=lambda *call: calls.append(call))
    assert calls == [("cluster", tried, 3, f"trying {k}") for tried, k in enumerate([2, 3, 5])]
