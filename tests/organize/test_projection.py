import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors

from lookalike.errors import SettingError
from lookalike.organize import manifold, project, projection


def roll(n=400, seed=0):
    """A curved sheet in 20 dimensions: a spiral of three turns, whose turns PCA lays upon one another."""
    rng = np.random.default_rng(seed)
    angle, height = rng.uniform(2, 20, n), rng.uniform(-3, 3, n)
    sheet = np.stack([angle * np.cos(angle), angle * np.sin(angle), 5 * height], axis=1)
    turn, _ = np.linalg.qr(rng.normal(size=(20, 3)))
    return (sheet @ turn.T).astype(np.float32)


def nearest(points, k):
    distances, indices = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()
    own = np.arange(len(points))[:, None]
    return np.hstack([own, indices]), np.hstack([own * 0.0, distances]).astype(np.float32)


def kept(points, layout, k=10):
    """Share of each row's k nearest that are still among its k nearest in the layout."""
    before, after = nearest(points, k)[0][:, 1:], nearest(layout, k)[0][:, 1:]
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(before, after, strict=True)])


@pytest.fixture(scope="module")
def points():
    return roll()


def test_tsne_keeps_the_neighbours_that_pca_loses(points):
    linear, layout = project(points, "pca"), project(points, "tsne")
    assert layout.shape == (len(points), 2)
    assert layout.dtype == np.float32
    assert kept(points, layout) > kept(points, linear) + 0.15
    assert kept(points, layout) > 0.6
    np.testing.assert_allclose(layout.mean(axis=0), 0, atol=1e-4)


def test_pca_is_the_rotation_of_largest_variance(points):
    layout = project(points, "pca", n_components=3)
    centred = points.astype(np.float64) - points.mean(axis=0)
    strengths = np.linalg.svd(centred, compute_uv=False)[:3]
    np.testing.assert_allclose(np.linalg.norm(layout, axis=0), strengths, rtol=1e-4)
    np.testing.assert_allclose(nearest(layout, 5)[1], nearest(points, 5)[1], atol=1e-3)  # the sheet has 3 dimensions


def test_pca_has_zeros_where_there_is_nothing_more(points):
    layout = project(points[:, :2], "pca", n_components=4)
    assert layout.shape == (len(points), 4)
    assert (layout[:, 2:] == 0).all()
    assert layout[:, :2].std(axis=0).min() > 0


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_same_seed_same_layout(points, method):
    few = points[:60]
    np.testing.assert_array_equal(project(few, method, seed=3), project(few, method, seed=3))


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_another_seed_another_layout(points, method):
    few = points[:60]
    assert not np.array_equal(project(few, method, seed=3), project(few, method, seed=4))


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_given_neighbours_are_used(points, method):
    few = points[:60]
    np.testing.assert_array_equal(project(few, method, neighbors=nearest(few, 59)), project(few, method))
    assert not np.array_equal(project(few, method, neighbors=nearest(few, 6)), project(few, method))


def test_large_maps_use_interpolation_and_agree(points, monkeypatch):
    monkeypatch.setattr(projection, "_STAGES", ((50, 12.0, 0.5), (50, 1.0, 0.8)))
    trees = project(points, "tsne")
    monkeypatch.setattr(projection, "_FFT_FROM", 100)
    interpolated = project(points, "tsne")
    assert not np.array_equal(trees, interpolated)
    assert kept(trees, interpolated) > 0.6
    np.testing.assert_array_equal(interpolated, project(points, "tsne"))


@pytest.fixture
def sampled(monkeypatch):
    """Few images are taken for many."""
    monkeypatch.setattr(projection, "_SAMPLED_FROM", 300)
    monkeypatch.setattr(projection, "_SAMPLE", 200)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_what_is_fitted_on_a_sample_keeps_the_neighbours_about_as_well(points, method, monkeypatch, sampled):
    near = nearest(points, 91)
    some = project(points, method, neighbors=near)
    np.testing.assert_array_equal(some, project(points, method, neighbors=near))
    assert not np.array_equal(some, project(points, method, neighbors=near, seed=1))
    monkeypatch.undo()
    whole = project(points, method, neighbors=near)
    assert kept(points, some) > 0.85 * kept(points, whole)


def test_how_many_are_fitted(sampled):
    assert [projection.fitted_on(n, "tsne") for n in (299, 300)] == [299, 200]
    assert projection.fitted_on(1000, "pca") == 1000


def test_pca_by_parts_is_pca(points, monkeypatch):
    whole = project(points, "pca", n_components=3)
    monkeypatch.setattr(projection, "_SAMPLED_FROM", 300)
    monkeypatch.setattr(projection, "_SAMPLE", 130)
    np.testing.assert_allclose(project(points, "pca", n_components=3), whole, atol=1e-4)


def test_progress_of_a_sampled_map_reaches_the_end(points, sampled):
    calls = []
    project(points, "tsne", progress=lambda *call: calls.append(call))
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert calls[-1][:3] == ("project", 900, 900)


def test_a_sampled_manifold_still_draws_clusters_together(sampled):
    points, truth = make_blobs(400, 12, centers=3, cluster_std=3.0, random_state=0)
    drawn = manifold(points, neighbors=nearest(points, 21))
    assert (truth[nearest(drawn, 6)[0][:, 1:]] == truth[:, None]).mean() > 0.98


def test_umap_separates_blobs_in_any_number_of_dimensions():
    points, truth = make_blobs(120, 8, centers=3, cluster_std=1.0, random_state=0)
    layout = project(points, "umap", n_components=3)
    assert layout.shape == (120, 3)
    neighbours = nearest(layout, 5)[0][:, 1:]
    assert (truth[neighbours] == truth[:, None]).mean() > 0.98


def test_manifold_draws_clusters_together():
    points, truth = make_blobs(150, 12, centers=3, cluster_std=3.0, random_state=0)
    drawn = manifold(points, seed=1)
    assert drawn.shape == (150, 10)
    assert drawn.dtype == np.float32

    def within(values):
        centres = np.stack([values[truth == name].mean(axis=0) for name in range(3)])
        apart = np.linalg.norm(centres[0] - centres[1])
        return np.linalg.norm(values - centres[truth], axis=1).mean() / apart

    assert within(drawn) < 0.6 * within(points)
    np.testing.assert_array_equal(drawn, manifold(points, seed=1))
    assert not np.array_equal(drawn, manifold(points, seed=2))


def islands(n=900, each=25):
    """Groups of a few, far apart."""
    rng = np.random.default_rng(0)
    return np.repeat(3 * rng.normal(size=(n // each, 12)), each, 0) + rng.normal(size=(n, 12))


def cloud(n=400, dim=12):
    """Points that vary in every way alike."""
    return np.random.default_rng(0).normal(size=(n, dim))


@pytest.mark.parametrize(
    ("points", "least", "most"),
    [(islands(), 50, 50), (islands(400), 40, 40), (islands(150), 20, 20), (cloud(900, 3), 25, 45), (cloud(), 20, 20)],
)
def test_a_manifold_looks_farther_where_neighbours_are_each_others(points, least, most, monkeypatch):
    looked = []
    monkeypatch.setattr(projection, "_fit_umap", lambda rows, *_, n_neighbors, **__: looked.append(n_neighbors) or rows)
    for known in (None, nearest(points, 55)):
        manifold(points, neighbors=known)
    assert least <= looked[0] == looked[1] <= most
    monkeypatch.setattr(projection, "_SAMPLED_FROM", len(points))
    monkeypatch.setattr(projection, "_SAMPLE", len(points) // 2)
    manifold(points, neighbors=nearest(points, 55))
    assert looked[2] == 20


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10])
@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
@pytest.mark.parametrize("kind", ["different", "in pairs", "identical"])
def test_a_handful_of_images(points, n, method, kind):
    rows = {"different": np.arange(n), "in pairs": np.arange(n) // 2, "identical": np.zeros(n, int)}[kind]
    layout = project(points[rows], method)
    assert layout.shape == (n, 2)
    assert np.isfinite(layout).all()
    if kind == "identical":
        assert (layout == 0).all()
    assert np.isfinite(manifold(points[rows])).all()


@pytest.mark.parametrize("n", [16, 20, 21])
def test_neighbours_that_cannot_be_written_are_enough(points, n):
    given = nearest(points[:n], min(n - 1, 60))
    for part in given:
        part.flags.writeable = False
    assert np.isfinite(manifold(points[:n], neighbors=given)).all()


def test_manifold_of_few_columns_has_no_more():
    assert manifold(roll(12)[:, :4]).shape == (12, 4)


def test_progress_reaches_the_end(points):
    calls = []
    project(points[:60], "tsne", progress=lambda *call: calls.append(call))
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert done[0] == 0
    assert calls[-1][:3] == ("project", 750, 750)


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_about_settings_the_user_cannot_see(points, caplog, capfd):
    for method in ("pca", "tsne", "umap"):
        project(points[:20], method)
    manifold(np.repeat(points[:10], 3, axis=0))
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda points: project(points, "mds"), "expected one of pca, tsne, umap"),
        (lambda points: project(points, "tsne", n_components=3), "n_components is 3"),
        (lambda points: project(points, "pca", n_components=0), "n_components is 0"),
        (lambda points: project(points[0]), r"expected \(n, d\)"),
        (lambda points: project(points * np.nan), "NaN"),
        (lambda points: manifold(points[:0]), "at least one image"),
        (lambda points: project(points, neighbors=nearest(points[:50], 5)), "neighbors have the shapes"),
        (lambda points: project(points, neighbors=nearest(points, 2)), "expected at least 4"),
    ],
)
def test_errors_say_what_was_expected(points, call, message):
    with pytest.raises(SettingError, match=message):
        call(points)
