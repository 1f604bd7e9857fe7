"""What is searched is averaged with what is around it, unless it is turned off; what is arranged never is."""

import shutil

import numpy as np
import pytest

import lookalike
from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder
from lookalike.search import averaged


@pytest.fixture(scope="module")
def plain(tmp_path_factory, photos, library):
    """The same library, not averaged."""
    place = shutil.copytree(library.path, tmp_path_factory.mktemp("plain") / "p.lookalike")
    return lookalike.build(photos, place, average=False)


def test_the_embeddings_are_averages_of_what_the_model_makes(library, plain):
    np.testing.assert_array_equal(plain.embeddings, plain.encoded)
    np.testing.assert_array_equal(library.encoded, plain.encoded)
    np.testing.assert_array_equal(library.embeddings, averaged(plain.encoded, *plain.neighbors, plain.encoded))
    assert np.linalg.norm(library.embeddings - library.encoded, axis=1).max() > 0.1
    assert [of.info()["stages"]["index"]["averaged"] for of in (library, plain)] == [True, False]


def test_what_is_arranged_is_not_averaged(library, plain):
    np.testing.assert_array_equal(library.clusters, plain.clusters)
    np.testing.assert_array_equal(library.layout, plain.layout)
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


def test_scores_and_nearest_are_of_what_is_found(library, plain):
    rows, distances = library.nearest()
    assert rows.shape == distances.shape == library.neighbors[0].shape
    for row in (0, 24):
        found = library.find(library.file_names[row], 25)
        np.testing.assert_allclose(distances[row], found["distance"], atol=1e-6)
    assert not np.array_equal(rows, library.neighbors[0])
    np.testing.assert_array_equal(plain.nearest()[0], plain.neighbors[0])
    assert library.evaluate()["map"] != plain.evaluate()["map"]


def test_it_can_be_turned_off_and_on_and_nothing_else_is_made_again(own, photos):
    expected, stages = np.array(own.embeddings), dict(LibraryFolder(own.path).header["stages"])
    off = lookalike.build(photos, own.path, average=False)
    np.testing.assert_array_equal(off.embeddings, off.encoded)
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
    np.testing.assert_array_equal(old.embeddings, old.encoded)  # nothing was new
    assert lookalike.build(photos, own.path).info()["stages"]["index"]["averaged"]


def test_damaged_averages_are_said_and_made_again(own, photos):
    files = LibraryFolder(own.path)
    expected = np.array(own.embeddings)
    np.save(files.place("averaged", "index"), expected[:-1])
    with pytest.raises(LibraryError, match="the averages in it are damaged; run `lookalike build` again"):
        lookalike.open(own.path).find("checks/003.png")
    np.testing.assert_array_equal(lookalike.build(photos, own.path).embeddings, expected)


@pytest.mark.parametrize("value", [None, 1, "no"])
def test_it_is_true_or_false(tmp_path, photos, value):
    with pytest.raises(SettingError, match=r"average=.* must be True or False"):
        lookalike.build(photos, tmp_path / "a.lookalike", average=value)
