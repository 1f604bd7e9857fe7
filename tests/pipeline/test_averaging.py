"""What is searched is averaged with what is around it, unless it is turned off; what is arranged never is."""

import shutil

import numpy as np
import pytest

import lookalike
from lookalike import organize, search
from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder
from lookalike.pipeline import scoring
from lookalike.search import CellIndex, averaged, choosing


@pytest.fixture(scope="module")
def plain(tmp_path_factory, photos, library):
    """The same library, not averaged."""
    place = shutil.copytree(library.path, tmp_path_factory.mktemp("plain") / "p.lookalike")
    return lookalike.build(photos, place, average=False)


def test_the_embeddings_are_averages_of_what_the_model_makes(library, plain):
    np.testing.assert_array_equal(plain.embeddings, plain.unaveraged)
    np.testing.assert_array_equal(library.unaveraged, plain.unaveraged)
    np.testing.assert_array_equal(library.embeddings, averaged(plain.unaveraged, *plain.neighbors, plain.unaveraged))
    assert np.linalg.norm(library.embeddings - library.unaveraged, axis=1).max() > 0.1
    assert [of.info()["stages"]["index"]["averaged"] for of in (library, plain)] == [True, False]


def test_what_is_arranged_is_not_averaged(library, plain):
    made = np.array(library.unaveraged)
    np.testing.assert_array_equal(library.clusters, organize.cluster(made, 4, "kmeans", seed=0))
    np.testing.assert_allclose(library.layout, organize.project(made, "pca", seed=0), atol=1e-5)
    assert all(np.array_equal(rows, plain.typical()[number]) for number, rows in library.typical().items())
    assert library.duplicates(0.5).equals(plain.duplicates(0.5))
    assert library.outliers().equals(plain.outliers())
    np.testing.assert_array_equal(library.neighbors[1], plain.neighbors[1])


def test_a_picture_is_searched_by_its_average(library, photos, tmp_path):
    place = photos / "checks" / "003.png"
    copy = tmp_path / "copy.png"
    copy.write_bytes(place.read_bytes())
    np.testing.assert_allclose(library.encode([copy])[0], library.embeddings[library.row("checks/003.png")], atol=1e-5)
    known, stranger = library.find(place, 25), library.find(copy, 25)
    assert known["file_name"][0] == "checks/003.png"
    assert known["distance"][0] == 0
    np.testing.assert_allclose(known["distance"], stranger["distance"], atol=1e-4)
    far = np.linalg.norm(library.embeddings - library.embeddings[library.row("checks/003.png")], axis=1)
    np.testing.assert_allclose(known["distance"], np.sort(far), atol=1e-6)


def test_scores_are_of_what_is_found(library, plain):
    rows = scoring.found_neighbors(library)
    for row in (0, 24):
        found = library.find(library.file_names[row], 25)["distance"]
        far = np.linalg.norm(library.embeddings[rows[row]] - library.embeddings[row], axis=1)
        np.testing.assert_allclose(far, found, atol=1e-6)
    assert not np.array_equal(rows, library.neighbors[0])
    np.testing.assert_array_equal(scoring.found_neighbors(plain), plain.neighbors[0])
    assert library.evaluate()["map"] != plain.evaluate()["map"]


def test_it_can_be_turned_off_and_on_and_nothing_else_is_made_again(own, photos):
    assert own.find("checks/003.png")["distance"][0] == 0  # it holds what it searches
    expected, stages = np.array(own.embeddings), dict(LibraryFolder(own.path).header["stages"])
    off = lookalike.build(photos, own.path, average=False)
    np.testing.assert_array_equal(off.embeddings, off.unaveraged)
    after = LibraryFolder(own.path).header["stages"]
    assert {stage for stage in stages if stages[stage] != after[stage]} == {"index"}
    assert not lookalike.build(photos, own.path).settings.average
    assert own.refresh().find("checks/003.png").equals(off.find("checks/003.png"))
    np.testing.assert_array_equal(lookalike.build(photos, own.path, average=True).embeddings, expected)


def test_a_library_from_before_there_were_averages_answers_without(own, photos):
    files = LibraryFolder(own.path)
    expected = lookalike.build(photos, own.path, average=False).find("checks/003.png")
    with files.writing():
        settings = {name: value for name, value in files.header["settings"].items() if name != "average"}
        files.note(settings=settings)
    old = lookalike.open(own.path)
    assert old.settings.average
    assert old.find("checks/003.png").equals(expected)
    old.update()
    np.testing.assert_array_equal(old.embeddings, old.unaveraged)
    assert lookalike.build(photos, own.path).info()["stages"]["index"]["averaged"]


@pytest.mark.parametrize("damage", [lambda kept: kept[:-1], lambda kept: np.where(kept > 0, np.nan, kept)])
def test_damaged_averages_are_said_and_made_again(own, photos, damage):
    files = LibraryFolder(own.path)
    expected = np.array(own.embeddings)
    np.save(files.place("averaged", "index"), damage(expected))
    with pytest.raises(LibraryError, match=r"(averages in it are|its index is) damaged.*run `lookalike build` again"):
        lookalike.open(own.path).find("checks/003.png")
    np.testing.assert_array_equal(lookalike.build(photos, own.path).embeddings, expected)


@pytest.mark.parametrize("value", [None, 1, "no"])
def test_it_is_true_or_false(tmp_path, photos, value):
    with pytest.raises(SettingError, match=r"average=.* must be True or False"):
        lookalike.build(photos, tmp_path / "a.lookalike", average=value)


def test_neighbours_are_not_looked_for_again_where_only_averages_change(own, photos, monkeypatch):
    rows, facts = np.array(own.neighbors[0]), own.info()["stages"]["index"]
    monkeypatch.setattr(search, "find_neighbors", lambda *_, **__: pytest.fail("searched again"))
    for average in (False, True):
        library = lookalike.build(photos, own.path, average=average)
        np.testing.assert_array_equal(library.neighbors[0], rows)
        assert library.info()["stages"]["index"] == {**facts, "averaged": average}


def test_damaged_neighbours_are_not_taken_over(own, photos):
    files, expected = LibraryFolder(own.path), np.array(own.neighbors[0])
    np.save(files.place("neighbors", "index"), expected - 1)
    np.testing.assert_array_equal(lookalike.build(photos, own.path, average=False).neighbors[0], expected)


@pytest.mark.parametrize("average", [True, False])
def test_an_update_leaves_it_as_it_is(tmp_path, draw_folder, quick, average):
    folder = draw_folder(tmp_path / "photos", 3)
    library = lookalike.build(folder, tmp_path / "b.lookalike", average=average, **quick)
    shutil.copy(folder / "discs" / "000.png", folder / "a new one.png")
    assert library.update().added == ["a new one.png"]
    assert library.averages == average == lookalike.open(library.path).averages
    assert library.find(folder / "a new one.png", 2)["distance"].max() < 1e-3


def test_a_large_library_averages_queries_by_its_cells(tmp_path, photos, quick, monkeypatch):
    monkeypatch.setattr(choosing, "SEARCH_FROM", 20)
    large = lookalike.build(photos, tmp_path / "large.lookalike", **quick)
    assert isinstance(large.index, CellIndex)
    made = large.encode(photos / "checks" / "003.png", average=False)
    np.testing.assert_allclose(large.averaged(made)[0], large.embeddings[large.row("checks/003.png")], atol=1e-5)
