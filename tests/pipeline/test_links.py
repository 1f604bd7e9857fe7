"""k-means in the manifold goes by the links between neighbours; everything else goes by distances alone."""

import numpy as np
import pytest

from lookalike import organize
from lookalike.pipeline import indexing


@pytest.fixture
def flat(monkeypatch):
    """The manifold is three columns of the embeddings: no UMAP, and islands that mean little."""
    monkeypatch.setattr(organize, "manifold", lambda embeddings, **_: np.ascontiguousarray(embeddings[:, :3]))


@pytest.fixture
def asked(monkeypatch):
    """What clusters were asked for: points, and neighbours or None."""
    calls, cluster = [], organize.cluster

    def listening(points, n_clusters, method, *, seed, neighbors=None):
        calls.append((np.array(points), neighbors))
        return cluster(points, n_clusters, method, seed=seed, neighbors=neighbors)

    monkeypatch.setattr(organize, "cluster", listening)
    return calls


def test_clusters_of_the_manifold_go_by_links(own, flat):
    own.cluster(n_clusters=4, space="manifold")
    points, neighbors = np.array(own.unaveraged)[:, :3], own.neighbors
    np.testing.assert_array_equal(own.clusters, organize.cluster(points, 4, neighbors=neighbors))


@pytest.mark.parametrize(
    "settings", [{"space": "embedding"}, {"space": "map"}, {"space": "manifold", "method": "ward"}]
)
def test_no_others_do(own, flat, asked, settings):
    own.cluster(**{"n_clusters": 5, "method": "kmeans", **settings})
    assert [neighbors for _, neighbors in asked] == [None]


def test_links_are_among_those_that_are_free(own, flat, asked):
    own.rename(1, "mine")
    free = np.flatnonzero(own.clusters != 1)
    own.cluster(n_clusters=4, space="manifold")
    (points, (rows, distances)), near = asked[-1], own.neighbors[0][free]
    np.testing.assert_array_equal(points, np.array(own.unaveraged)[free, :3])
    np.testing.assert_array_equal(rows[:, 0], np.arange(len(free)))
    np.testing.assert_array_equal(rows >= 0, np.isin(near, free))
    np.testing.assert_array_equal(free[rows[rows >= 0]], near[np.isin(near, free)])
    np.testing.assert_array_equal(distances, own.neighbors[1][free])
    assert (rows < 0).any()
    assert (own.clusters[free] != 1).all()


def test_neighbours_among_some_of_some():
    neighbors = np.array([[0, 2, 3], [1, 0, -1], [2, 3, 0], [3, 1, 2]]), np.zeros((4, 3))
    rows, _ = indexing.among(neighbors, np.array([0, 1, 3]))
    assert rows.tolist() == [[0, -1, 2], [1, 0, -1], [2, 1, -1]]
