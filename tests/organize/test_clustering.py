import itertools

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from lookalike.errors import SettingError
from lookalike.metrics import adjusted_rand_index
from lookalike.organize import cluster, clustering, kmeans, typical

METHODS = ["kmeans", "gmm", "ward", "hdbscan"]


def blobs(k, n=600, spread=1.5, sizes=None):
    return make_blobs(sizes or n, 10, centers=None if sizes else k, cluster_std=spread, random_state=0)


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
    monkeypatch.setattr(kmeans, "_MINI_BATCHES_FROM", 300)
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
    nearest = np.argsort(((points[:, None] - points) ** 2).sum(axis=2), axis=1, kind="stable")
    for k, neighbors in itertools.product({1, (n + 1) // 2, n}, (None, nearest, nearest[:, :1])):
        clusters = cluster(points, k, method, neighbors=neighbors)
        assert clusters.shape == (n,)
        assert clusters.max() < k or method == "hdbscan"
        assert not (clusters < 0).any() or method == "hdbscan"


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
        (lambda points: cluster(points, 2, neighbors=[[0, 1]]), r"\(1, 2\), expected \(20, k\)"),
        (lambda points: cluster(points, 2, neighbors=[[20]] * 20), "row numbers below 20"),
        (lambda points: cluster(points, 2, neighbors=[[0.5]] * 20), "row numbers below 20"),
        (lambda points: typical(points, [0, 1]), r"expected \(20,\)"),
        (lambda points: typical(points, np.zeros(20, int), 0), "n is 0"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(SettingError, match=message):
        call(np.random.default_rng(0).normal(size=(20, 3)) + 1)
