import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs

from lookalike.errors import SettingError
from lookalike.metrics import adjusted_rand_index
from lookalike.organize import choose_k, cluster, clustering, typical

METHODS = ["kmeans", "gmm", "ward", "hdbscan"]


def blobs(k, n=600, dim=10, spread=1.5, seed=0, noise=0, sizes=None):
    points, truth = make_blobs(sizes or n, dim, centers=None if sizes else k, cluster_std=spread, random_state=seed)
    more = np.random.default_rng(seed).normal(scale=spread, size=(len(points), noise))
    return np.hstack([points, more]), truth


def nested(seed=0):
    """Three heaps far apart, each of four blobs."""
    rng = np.random.default_rng(seed)
    heaps = np.repeat(rng.normal(size=(3, 6)) * 20, 4, axis=0)
    return np.repeat(heaps + rng.normal(size=(12, 6)) * 4, 50, axis=0) + rng.normal(size=(600, 6))


@pytest.mark.parametrize("method", METHODS)
def test_finds_blobs(method):
    points, truth = blobs(6)
    assert adjusted_rand_index(cluster(points, 6, method), truth) > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_largest_first_and_the_same_again(method):
    points, _ = blobs(5, sizes=[40, 150, 20, 80, 60], spread=1.0)
    clusters = cluster(points, 5, method, seed=7)
    assert clusters.dtype == np.int32
    sizes = np.bincount(clusters[clusters >= 0])
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_array_equal(clusters, cluster(points, 5, method, seed=7))


def test_equal_sizes_go_by_their_first_row():
    points = np.repeat([[5.0], [0.0], [9.0]], 4, axis=0)
    assert cluster(points, 3).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert clustering._by_size(np.array([-1, 4, 2, 2, 4, 9, 9, 9, -1, -1, -1])).tolist() == [
        *[-1, 1, 2, 2, 1, 0, 0, 0, -1, -1, -1]
    ]


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_the_seed_matters_where_there_is_no_structure(method):
    points = np.random.default_rng(0).normal(size=(300, 5))
    assert not np.array_equal(cluster(points, 12, method, seed=0), cluster(points, 12, method, seed=1))


def test_a_mixture_tells_a_dense_cluster_from_the_wide_one_around_it():
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(scale=4, size=(300, 2)), rng.normal([6, 0], 0.3, size=(100, 2))])
    truth = np.repeat([0, 1], [300, 100])
    assert adjusted_rand_index(cluster(points, 2, "gmm"), truth) > 0.95
    assert adjusted_rand_index(cluster(points, 2, "kmeans"), truth) < 0.5


def test_hdbscan_leaves_stragglers_out_and_ignores_the_number():
    points, _ = blobs(3, n=300, spread=0.5)
    points = np.vstack([points, np.random.default_rng(0).uniform(-40, 40, size=(15, 10))])
    clusters = cluster(points, 7, "hdbscan")
    assert clusters.max() == 2
    assert (clusters[-15:] == -1).all()
    assert (clusters[:300] >= 0).mean() > 0.9


def test_ward_through_prototypes_agrees(monkeypatch):
    points, truth = blobs(6)
    direct = cluster(points, 6, "ward")
    monkeypatch.setattr(clustering, "_PROTOTYPES_FROM", 300)
    monkeypatch.setattr(clustering, "_PROTOTYPES", 60)
    assert adjusted_rand_index(cluster(points, 6, "ward"), direct) > 0.95
    assert adjusted_rand_index(cluster(points, 6, "ward"), truth) > 0.95


def test_kmeans_in_mini_batches_agrees(monkeypatch):
    points, truth = blobs(6)
    monkeypatch.setattr(clustering, "_MINI_BATCHES_FROM", 300)
    assert adjusted_rand_index(cluster(points, 6), truth) > 0.95
    np.testing.assert_array_equal(cluster(points, 6), cluster(points, 6))


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_clusters_of_a_sample_are_carried_to_the_rest(method, monkeypatch):
    points, truth = blobs(4, spread=0.8)
    monkeypatch.setattr(clustering, "_FITTED_FROM", 500)
    monkeypatch.setattr(clustering, "_FITTED", 300)
    monkeypatch.setattr(clustering, "_BLOCK", 70)
    found = cluster(points, 4, method)
    assert adjusted_rand_index(found, truth) > 0.9
    np.testing.assert_array_equal(found, cluster(points, 4, method))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["different", "in pairs", "identical"])
def test_a_handful_of_images(n, method, kind):
    rows = {"different": np.arange(n), "in pairs": np.arange(n) // 2, "identical": np.zeros(n, int)}[kind]
    points = np.random.default_rng(0).normal(size=(10, 3))[rows]
    for k in {1, (n + 1) // 2, n}:
        clusters = cluster(points, k, method)
        assert clusters.shape == (n,)
        assert clusters.max() < k or method == "hdbscan"
        assert not (clusters < 0).any() or method == "hdbscan"


@pytest.mark.parametrize("noise", [0, 5])
@pytest.mark.parametrize("k", [3, 8, 15])
def test_chooses_the_number_of_blobs(k, noise):
    choice = choose_k(blobs(k, noise=noise)[0])
    assert choice.n_clusters == k
    assert choice.n_clusters in set(choice.curve["k"])
    assert choice.curve["silhouette"].between(-1, 1).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_chooses_close_to_it_when_sizes_differ_tenfold(seed):
    points, _ = blobs(8, sizes=[300, 150, 80, 60, 40, 40, 30, 30], seed=seed)
    assert 7 <= choose_k(points).n_clusters <= 8


def test_is_not_content_with_the_coarsest_division():
    choice = choose_k(nested())
    best = choice.curve.loc[choice.curve["silhouette"].idxmax(), "k"]
    assert best < 5
    assert choice.n_clusters == 12


def test_does_not_sit_at_the_limit():
    flat = choose_k(np.random.default_rng(0).uniform(size=(500, 2)))
    assert flat.n_clusters < flat.curve["k"].max()
    levelling_off = pd.DataFrame(
        {"k": range(2, 8), "silhouette": [0.1, 0.3, 0.4, 0.403, 0.405, 0.406], "spread": 0.001}
    )
    assert clustering._level(levelling_off) == 4


def test_small_peaks_are_no_evidence():
    heights = [0.3, 0.5, 0.4, 0.41, 0.39, 0.3]
    curve = pd.DataFrame({"k": range(2, 8), "silhouette": heights, "spread": 0.001})
    assert clustering._level(curve) == 3
    assert clustering._level(curve.assign(silhouette=[0.3, 0.5, 0.4, 0.45, 0.39, 0.3])) == 5
    assert clustering._level(curve.assign(silhouette=[0.3, 0.5, 0.4, 0.45, 0.39, 0.3], spread=0.03)) == 3
    assert clustering._level(curve.assign(silhouette=[0.3, 0.7, 0.4, 0.45, 0.39, 0.3])) == 3


def test_tries_what_it_is_told():
    choice = choose_k(blobs(8)[0], k_range=[9, 4, 8, 4], method="ward")
    assert choice.curve["k"].tolist() == [4, 8, 9]
    assert choice.n_clusters == 8


def test_large_collections_are_sampled_by_the_seed(monkeypatch):
    points, _ = blobs(5)
    monkeypatch.setattr(clustering, "_CLUSTERED", 300)
    monkeypatch.setattr(clustering, "_JUDGED", 100)
    first, again, other = (choose_k(points, seed=seed, k_range=range(2, 9)) for seed in (0, 0, 1))
    assert first.n_clusters == again.n_clusters == other.n_clusters == 5
    assert first.curve.equals(again.curve)
    assert not first.curve.equals(other.curve)
    assert (first.curve["spread"] > 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10])
def test_chooses_among_a_handful(n):
    points = np.random.default_rng(0).normal(size=(n, 3))
    choice = choose_k(points)
    assert choice.n_clusters == 1 if n < 4 else 2 <= choice.n_clusters < n
    assert choose_k(points * 0).n_clusters == 1
    assert list(choice.curve.columns) == ["k", "silhouette", "spread"]


def test_typical_images_are_nearest_to_the_centre():
    points, clusters = blobs(3, n=90)
    clusters = np.where(np.arange(90) % 10 == 0, -1, clusters)
    found = typical(points, clusters, 4)
    assert list(found) == [0, 1, 2]
    for name, rows in found.items():
        members = np.flatnonzero(clusters == name)
        centre = points[members].mean(axis=0)
        expected = sorted(members, key=lambda row: np.linalg.norm(points[row] - centre))[:4]
        assert rows.tolist() == expected
        assert rows.dtype == np.int64
    assert len(typical(points, clusters, 1000)[0]) == (clusters == 0).sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda points: cluster(points, 0), "n_clusters is 0, expected 1 to 20"),
        (lambda points: cluster(points, 21, "ward"), "n_clusters is 21, expected 1 to 20"),
        (lambda points: cluster(points, 2, "dbscan"), "expected one of kmeans, gmm, ward, hdbscan"),
        (lambda points: cluster(points * np.inf, 2), "NaN or infinity"),
        (lambda points: cluster(points[0], 2), r"expected \(n, d\)"),
        (lambda points: choose_k(points, k_range=[1, 2]), "expected numbers from 2 to 19"),
        (lambda points: choose_k(points, k_range=[20]), "expected numbers from 2 to 19"),
        (lambda points: choose_k(points, method="hdbscan"), "expected one of kmeans, gmm, ward"),
        (lambda points: typical(points, [0, 1]), r"expected \(20,\)"),
        (lambda points: typical(points, np.zeros(20, int), 0), "n is 0"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(SettingError, match=message):
        call(np.random.default_rng(0).normal(size=(20, 3)) + 1)


def test_progress_counts_the_numbers_tried():
    calls = []
    choose_k(blobs(3)[0], k_range=[2, 3, 5], progress=lambda *call: calls.append(call))
    assert calls == [("cluster", tried, 3, f"trying {k}") for tried, k in enumerate([2, 3, 5])]
