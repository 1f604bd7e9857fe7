"""Edits of clusters: in the library at once, through clustering and building again, in every export."""

import shutil

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike import show
from lookalike.errors import FolderError, LibraryBusyError, LibraryError, SettingError
from lookalike.images import write_image
from lookalike.library import LibraryFolder
from lookalike.pipeline import editing, indexing
from lookalike.search import ExactIndex


def reopened(library):
    return lookalike.open(library.path)


def sizes(library):
    numbers, counts = np.unique(library.clusters, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def test_a_name_is_in_the_library_at_once(own):
    assert own.rename(1, "  striped  shirts ").cluster_names[1] == "striped shirts"
    assert reopened(own).cluster_names[1] == "striped shirts"
    assert set(reopened(own).images.query("cluster == 1")["cluster_name"]) == {"striped shirts"}
    assert own.edits == ["renamed cluster 1 to '  striped  shirts '"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b"])
def test_what_is_no_name_is_refused(own, name):
    with pytest.raises(SettingError, match="cannot be a cluster's name"):
        own.rename(0, name)
    assert own.edits == []


def test_two_clusters_do_not_share_a_name(own):
    own.rename(0, "one")
    own.rename(0, "one")
    with pytest.raises(SettingError, match="merge the two"):
        own.rename(1, "one")


def test_merging_makes_one_of_several(own):
    before = own.clusters.copy()
    own.merge([2, 0], "both")
    now = reopened(own)
    np.testing.assert_array_equal(now.clusters, np.where(before == 0, 2, before))
    assert now.cluster_names == {1: "cluster 1", 2: "both", 3: "cluster 3"}
    assert now.kept_clusters == [2]


def test_splitting_divides_and_the_largest_part_keeps_the_name(own):
    own.rename(0, "mixed")
    before = own.clusters.copy()
    own.split(0, 3)
    now = reopened(own)
    assert set(now.clusters[before == 0]) == {0, 4, 5}
    np.testing.assert_array_equal(now.clusters[before != 0], before[before != 0])
    counts = sizes(now)
    assert counts[0] >= counts[4] >= counts[5]
    assert [now.cluster_names[number] for number in (0, 4, 5)] == ["mixed", "mixed 2", "mixed 3"]


def test_moving_images_into_a_cluster_a_new_one_or_none(own):
    rows = np.flatnonzero(own.clusters == 3)
    own.move(rows[:2], 1)
    own.move(rows[2:3], name="single")
    own.move(rows[3:4], -1)
    now = reopened(own)
    assert now.clusters[rows[:4]].tolist() == [1, 1, 4, -1]
    assert now.cluster_names[4] == "single"
    own.move(np.flatnonzero(own.clusters == 2), 1)
    assert 2 not in own.cluster_names


def test_undo_takes_edits_back_one_by_one(own):
    states = [(own.clusters.copy(), dict(own.cluster_names), own.kept_clusters)]
    for edit in (
        lambda: own.rename(0, "first"),
        lambda: own.split(1, 2),
        lambda: own.merge([0, 3]),
        lambda: own.move([0, 1, 2], None, "three"),
        lambda: own.release([0]),
    ):
        edit()
        states.append((own.clusters.copy(), dict(own.cluster_names), own.kept_clusters))
    for clusters, names, kept in reversed(states[:-1]):
        assert own.undo()
        np.testing.assert_array_equal(reopened(own).clusters, clusters)
        assert reopened(own).cluster_names == names
        assert own.kept_clusters == kept
    with pytest.raises(SettingError, match="no edit to take back"):
        own.undo()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda library: library.rename(9, "x"),
        lambda library: library.merge([1]),
        lambda library: library.merge([1, 9]),
        lambda library: library.split(1, 1),
        lambda library: library.split(1, 10_000),
        lambda library: library.move([], 1),
        lambda library: library.move([10_000], 1),
        lambda library: library.move([0], 9),
        lambda library: library.move(["red/0.png"], 1),
        lambda library: library.move([0.0], 1),
        lambda library: library.release([9]),
    ],
)
def test_edits_that_cannot_be_leave_everything_as_it_was(own, wrong):
    before = own.clusters.copy()
    with pytest.raises(SettingError):
        wrong(own)
    np.testing.assert_array_equal(reopened(own).clusters, before)
    assert own.edits == []


def test_edits_survive_clustering_again_and_building_again(own, photos, quick):
    own.merge([2, 3], "kept")
    own.move(np.flatnonzero(own.clusters == 0)[:2], name="pair")
    before, pair = own.clusters.copy(), own.clusters.max()
    for again in (
        lambda: own.cluster(n_clusters=6),
        lambda: own.cluster(method="ward"),
        lambda: own.cluster(n_clusters="auto"),
    ):
        again()
        now = reopened(own)
        for number, name in ((2, "kept"), (pair, "pair")):
            np.testing.assert_array_equal(now.clusters == number, before == number)
            assert now.cluster_names[number] == name
    own.cluster(n_clusters=6)
    assert len(own.cluster_names) == 6
    same = lookalike.build(photos, own.path, **{**quick, "n_clusters": 6})
    np.testing.assert_array_equal(same.clusters == 2, before == 2)
    assert len(set(same.clusters[before != 2])) == 5
    own.refresh().release([2, int(pair)])
    own.cluster(n_clusters=4)
    assert set(own.cluster_names.values()) == {f"cluster {number}" for number in range(4)}


def test_what_was_released_is_sorted_anew_by_the_same_clustering(own):
    own.cluster(n_clusters=4)
    found = own.clusters.copy()
    own.merge([0, 1]).release([0])
    assert len(own.cluster_names) == 3
    with pytest.MonkeyPatch.context() as patched:  # killed in between: the clusters are there, whole
        patched.setattr(lookalike.pipeline.stages.editing, "follow", lambda files: None)
        own.cluster(n_clusters=4)
    np.testing.assert_array_equal(own.clusters, found)
    assert own.edits == []
    own.rename(0, "mine")
    own.cluster(n_clusters=4)
    assert own.cluster_names[0] == "mine"
    assert own.edits == []


def test_the_same_clustering_without_edits_finds_nothing_to_do(own, monkeypatch):
    own.cluster(n_clusters=4)
    own.rename(0, "mine").undo()
    with monkeypatch.context() as patched:
        patched.delattr(lookalike.organize, "cluster")
        own.cluster(n_clusters=4)
    assert len(own.cluster_names) == 4


def test_the_images_that_are_free_are_sorted_as_many_ways_as_are_left(own):
    own.rename(0, "mine")
    own.cluster(n_clusters=1)
    assert set(own.cluster_names) == {0, 1}
    own.merge([0, 1], "everything")
    own.cluster(n_clusters=5)
    assert own.cluster_names == {0: "everything"}
    assert (own.clusters == 0).all()


@pytest.mark.parametrize("n_neighbors", [91, 3], ids=["by the kept neighbours", "by a search, as these are too few"])
def test_edits_survive_a_folder_that_changes(tmp_path, draw_folder, quick, monkeypatch, n_neighbors):
    monkeypatch.setattr(indexing, "NEIGHBORS", n_neighbors)
    folder = draw_folder(tmp_path / "photos", n_each=8)
    library = lookalike.build(folder, tmp_path / "own.lookalike", **quick)
    families = library.images["file_name"].str.split("/").str[0]
    library.move(np.flatnonzero(families == "discs"), name="my discs")
    (folder / "discs" / "000.png").rename(folder / "renamed.png")
    (folder / "stripes" / "000.png").unlink()
    shutil.copy(folder / "discs" / "003.png", folder / "new disc.png")
    write_image(np.full((40, 52, 3), 250, np.uint8), folder / "plain.png")
    changed = lookalike.build(folder, library.path, **quick).images.set_index("file_name")
    ours = changed.index[changed["cluster_name"] == "my discs"]
    assert set(ours) == {f"discs/{n:03}.png" for n in range(1, 8)} | {"renamed.png", "new disc.png"}
    assert changed.loc["plain.png", "cluster_name"] != "my discs"
    again = lookalike.open(library.path).cluster(n_clusters=6)
    assert set(again.images.query("cluster_name == 'my discs'")["file_name"]) == set(ours)


def test_new_images_ask_the_kept_neighbours_as_they_would_a_search():
    points = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    rows, queries = np.split(np.random.default_rng(1).permutation(300), [120])
    searched = editing.nearest_of(rows, queries, points, None)
    for k in (300, 14, 2):  # enough for all, for some, for none
        kept = ExactIndex(points).neighbors(k)
        np.testing.assert_array_equal(editing.nearest_of(rows, queries, points, kept), searched)


def test_edits_are_in_every_export(own, tmp_path):
    own.merge([0, 1], "joined")
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        show.export(own, tmp_path / f"out{ending}")
        assert (read(tmp_path / f"out{ending}")["cluster_name"] == "joined").sum() == sizes(own)[0]
    show.export(own, tmp_path / "sorted", to="folders", dry_run=False)
    assert len(list((tmp_path / "sorted" / "joined").iterdir())) == sizes(own)[0]
    show.write_report(own, tmp_path / "report.html")
    assert "joined" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_only_the_last_fifty_edits_can_be_taken_back(own):
    for number in range(53):
        own.rename(0, f"name {number}")
    for _ in range(50):
        own.undo()
    assert own.cluster_names[0] == "name 2"
    with pytest.raises(SettingError):
        own.undo()


@pytest.fixture
def edited(photos, quick, tmp_path):
    """A folder of its own, and its library, in which one cluster was named by hand."""
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    return folder, lookalike.build(folder, tmp_path / "edited.lookalike", **quick).rename(0, "mine")


def test_a_build_gives_no_edit_up_because_the_pictures_are_away(edited, quick, tmp_path):
    folder, library = edited
    mine = library.images.query("cluster == 0")["file_name"]
    for name in mine:
        (tmp_path / "away" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(tmp_path / "away" / name)
    write_image(np.full((40, 50, 3), 90, np.uint8), folder / "another.png")
    before = LibraryFolder(library.path).header
    away = f"none of the {len(mine)} images .+ edited by hand is in .+ any more; put them back, "
    with pytest.raises(FolderError, match=f"{away}let .+`lookalike cluster .+edited.lookalike --release 0`"):
        lookalike.build(folder, library.path, **quick)
    assert LibraryFolder(library.path).header == before
    with LibraryFolder(library.path).writing():
        LibraryFolder(library.path).forget("clusters")
    with pytest.raises(FolderError, match=f"{away}or build another library"):
        lookalike.build(folder, library.path, **quick)
    (tmp_path / "away" / mine.iloc[-1]).rename(folder / "renamed.png")
    assert "mine" in lookalike.build(folder, library.path, **quick).cluster_names.values()


def test_pictures_that_were_moved_and_renamed_are_known_by_their_contents(edited, quick, tmp_path):
    folder, library = edited
    folder.rename(tmp_path / "moved")
    for number, path in enumerate(sorted((tmp_path / "moved").rglob("*.png"))):
        path.rename(path.with_name(f"renamed {number}.png"))
    assert "mine" in lookalike.build(tmp_path / "moved", library.path, **quick).cluster_names.values()


def test_edits_survive_a_damaged_table_of_images(edited, quick):
    folder, library = edited
    (table,) = library.path.glob("images-*.parquet")
    table.write_bytes(b"no table")
    assert "mine" in lookalike.build(folder, library.path, **quick).cluster_names.values()


def test_a_library_without_clusters_says_what_to_do(own):
    with LibraryFolder(own.path).writing():
        LibraryFolder(own.path).forget("clusters")
    for change in (lambda library: library.rename(0, "x"), lambda library: library.release([0])):
        with pytest.raises(
            LibraryError, match=r"not built that far \(clusters is missing\); `lookalike build .+ goes on"
        ):
            change(reopened(own))


def test_nothing_is_edited_while_another_process_writes(own):
    with LibraryFolder(own.path).writing(), pytest.raises(LibraryBusyError):
        own.rename(0, "x")
    assert own.rename(0, "x").cluster_names[0] == "x"


def test_other_layouts_are_made_once_and_kept(own):
    grid = own.project("grid")
    assert len(np.unique(grid, axis=0)) == len(own.images)
    header = LibraryFolder(own.path).header
    assert "layout-grid" in header["stages"]
    np.testing.assert_array_equal(reopened(own).project("grid"), grid)
    assert LibraryFolder(own.path).header == header
    np.testing.assert_array_equal(own.project("pca"), own.layout)
    with pytest.raises(SettingError, match="unknown"):
        own.project("spiral")


def test_a_layout_is_given_also_while_another_process_writes(own):
    with LibraryFolder(own.path).writing():
        assert own.project("grid").shape == (len(own.images), 2)
    assert "layout-grid" not in LibraryFolder(own.path).header["stages"]
