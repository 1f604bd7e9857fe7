"""k-means in the manifold goes by the links between neighbours; everything else goes by distances alone."""

import json

import numpy as np
import pytest

import lookalike
from lookalike import organize
from lookalike.library import fingerprint
from lookalike.pipeline import approach, indexing


@pytest.fixture
def flat(monkeypatch):
    """The manifold is three columns of the embeddings: no UMAP, and islands that mean little."""
    monkeypatch.setattr(organize, "manifold", lambda embeddings, **_: np.ascontiguousarray(embeddings[:, :3]))


@pytest.fixture
def asked(monkeypatch):
    """What clusters were asked for: points, and neighbours or None."""
    calls, cluster = [], organize.cluster

    def listening(points, *args, neighbors=None, **settings):
        calls.append((np.array(points), neighbors))
        return cluster(points, *args, neighbors=neighbors, **settings)

    monkeypatch.setattr(organize, "cluster", listening)
    return calls


@pytest.mark.parametrize("k", [3, 6])
def test_clusters_of_the_manifold_go_by_links(own, flat, k):
    own.cluster(n_clusters=k, space="manifold")
    points, nearest = np.array(own.unaveraged)[:, :3], own.neighbors[0]
    by_links = organize.cluster(points, k, neighbors=nearest)
    np.testing.assert_array_equal(own.clusters, by_links)
    assert not np.array_equal(organize.cluster(points, k), by_links)


@pytest.mark.parametrize(
    "settings", [{"space": "embedding"}, {"space": "map"}, {"space": "manifold", "method": "ward"}]
)
def test_no_others_do_but_parts_of_what_is_in_the_manifold(own, flat, asked, settings):
    own.cluster(**{"n_clusters": 5, "method": "kmeans", **settings})
    approach._scores_by(own, "folders")
    own.split(0)
    plain = settings.get("method") == "ward"
    assert [nearest is None for _, nearest in asked] == [True, True, not plain]


@pytest.mark.parametrize("space", ["map", "manifold"])
def test_how_many_goes_by_them_in_every_space(own, flat, space):
    own.cluster(n_clusters="auto", space=space)
    points = np.array(own.images[["projection_x", "projection_y"]] if space == "map" else own.unaveraged[:, :3])
    choice = organize.choose_k(points, own.unaveraged)
    assert own.info()["stages"]["clusters"]["modularity"] == choice.curve.to_dict("list")
    assert own.modularity().equals(choice.curve)
    assert not organize.choose_k(points).curve.equals(choice.curve)
    free = own.clusters != 0
    own.rename(0, "kept").cluster(n_clusters="auto", space=space, method="ward")
    among = organize.choose_k(points[free], own.unaveraged[free], method="ward")
    assert own.info()["stages"]["clusters"]["modularity"] == among.curve.to_dict("list")


def test_scores_and_parts_of_clusters_go_by_them(own, flat, asked):
    own.cluster(n_clusters=3, space="manifold")
    approach._scores_by(own, "folders")
    members = np.flatnonzero(own.clusters == 0)
    own.split(0)
    (_, whole), (_, scored), (points, part) = asked
    np.testing.assert_array_equal(whole, own.neighbors[0])
    np.testing.assert_array_equal(scored, whole)
    assert len(points) == len(members)
    np.testing.assert_array_equal(part, indexing.among(own.neighbors[0], members))


def test_links_are_among_those_that_are_free(own, flat, asked):
    own.rename(1, "mine")
    free = np.flatnonzero(own.clusters != 1)
    own.cluster(n_clusters=4, space="manifold")
    (points, rows), near = asked[-1], own.neighbors[0][free]
    np.testing.assert_array_equal(points, np.array(own.unaveraged)[free, :3])
    np.testing.assert_array_equal(rows[:, 0], np.arange(len(free)))
    np.testing.assert_array_equal(rows >= 0, np.isin(near, free))
    np.testing.assert_array_equal(free[rows[rows >= 0]], near[np.isin(near, free)])
    assert (rows < 0).any()
    assert (own.clusters[free] != 1).all()


def test_neighbours_among_some_of_some():
    nearest = np.array([[0, 2, 3], [1, 0, -1], [2, 3, 0], [3, 1, 2]])
    assert indexing.among(nearest, np.array([0, 1, 3])).tolist() == [[0, -1, 2], [1, 0, -1], [2, 1, -1]]


@pytest.mark.parametrize(
    ("space", "stage", "method", "again"),
    [
        ("manifold", "manifold", "kmeans", ["clusters"]),
        ("manifold", "manifold", "ward", []),
        ("embedding", "embeddings", "kmeans", []),
        ("map", "map", "kmeans", []),
    ],
)
def test_what_was_clustered_without_links_is_once_clustered_again(own, photos, flat, space, stage, method, again):
    own.cluster(n_clusters=4, space=space, method=method)
    header = own.path / "library.json"
    kept = json.loads(header.read_text())
    before_links = fingerprint(fingerprint(stage, kept["stages"][stage]["made_from"]), space, 4, method, 0)
    kept["stages"]["clusters"]["made_from"] = before_links
    header.write_text(json.dumps(kept))
    for changed in (again, []):
        before = json.loads(header.read_text())["stages"]
        lookalike.build(photos, own.path)
        after = json.loads(header.read_text())["stages"]
        assert [name for name in after if after[name] != before[name]] == changed


def test_a_library_that_keeps_no_neighbours_finds_them(own, flat):
    own.cluster(n_clusters=3, space="manifold")
    header, before = own.path / "library.json", own.clusters.copy()
    kept = json.loads(header.read_text())
    for name in ("neighbors", "distances"):
        del kept["stages"]["index"]["files"][name]
    header.write_text(json.dumps(kept))
    own = lookalike.open(own.path)
    stages = []
    own.cluster(n_clusters=4, progress=lambda stage, *_: stages.append(stage))
    assert stages[-1] == "cluster"
    np.testing.assert_array_equal(own.cluster(n_clusters=3).clusters, before)
