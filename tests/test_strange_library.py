"""A library from a stranger reaches nothing outside itself, and takes no more memory than its size lets expect."""

import json

import numpy as np
import pandas as pd
import pytest

from lookalike.errors import LibraryError
from lookalike.library import FRESH, HEADER, LOCK, LibraryFolder


@pytest.fixture
def files(tmp_path):
    """A library with a table, an array and a folder, and something beside it that is not to be touched."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "diary").write_text("dear diary")
    files = LibraryFolder.create(tmp_path / "a.lookalike", tmp_path)
    with files.writing():
        files.commit("images", {"images": table(3), "folder": fill}, made_from="one", facts={"images": 3})
    yield files
    assert (tmp_path / "outside" / "diary").read_text() == "dear diary"
    assert len(list((tmp_path / "outside").iterdir())) == 1


def table(rows):
    return pd.DataFrame({"file_name": [f"{row}.png" for row in range(rows)]})


def fill(place):
    place.mkdir()
    (place / "weights").write_text("1")


def rewrite(files, change):
    header = json.loads((files.path / HEADER).read_text())
    change(header["stages"]["images"])
    (files.path / HEADER).write_text(json.dumps(header))


@pytest.mark.parametrize("name", ["working", "training"])
def test_a_linked_folder_is_refused(files, tmp_path, name):
    (files.path / name).symlink_to(tmp_path / "outside")
    with pytest.raises(LibraryError, match=f"{name} is a link, and a library must not lead elsewhere"):
        getattr(files, name)
    with pytest.raises(LibraryError, match="is a link"), files.writing():
        pytest.fail("written through a link")


@pytest.mark.parametrize("name", ["working", "training"])
@pytest.mark.parametrize("below", ["", "deep/deeper"])
def test_a_link_below_is_refused(files, tmp_path, name, below):
    place = files.path / name / below
    place.mkdir(parents=True)
    (place / "pixels.u8").symlink_to(tmp_path / "outside" / "diary")
    with pytest.raises(LibraryError, match=r"pixels\.u8 is a link"), files.writing():
        pytest.fail("written through a link")


def test_a_link_that_nobody_names_is_removed_and_not_followed(files, tmp_path):
    (files.path / "folder-9").symlink_to(tmp_path / "outside")
    (files.path / "array-9.npy").symlink_to(tmp_path / "outside" / "diary")
    with files.writing():
        pass
    assert not {"folder-9", "array-9.npy"} & {path.name for path in files.path.iterdir()}


@pytest.mark.parametrize("name", ["array-2.npy", "table-2.parquet", "folder-2"])
def test_nothing_is_written_through_a_link_that_the_header_names(files, tmp_path, name):
    goal = tmp_path / "outside" if name == "folder-2" else tmp_path / "outside" / "diary"
    (files.path / name).symlink_to(goal)
    rewrite(files, lambda record: record["files"].update(trap=name))
    contents = {"array": np.zeros(3), "table": table(3), "folder": lambda place: (place / "weights").write_text("1")}
    with pytest.raises(LibraryError, match=f"{name} is a link"), files.writing():
        files.commit("second", {name.split("-")[0]: contents[name.split("-")[0]]}, made_from="x")


@pytest.mark.parametrize("name", [FRESH, LOCK])
def test_neither_header_nor_lock_is_written_through_a_link(tmp_path, files, name):
    place = tmp_path / "b.lookalike"
    place.mkdir()
    (place / name).symlink_to(tmp_path / "outside" / "diary")
    if name == FRESH:
        assert not LibraryFolder.create(place, tmp_path).has("images")
    else:
        with pytest.raises(LibraryError, match="lock is a link"):
            LibraryFolder.create(place, tmp_path)


def test_a_link_in_a_stages_folder_is_not_read(files, tmp_path):
    weights = files.place("folder", "images") / "weights"
    weights.unlink()
    weights.symlink_to(tmp_path / "outside" / "diary")
    with pytest.raises(LibraryError, match="weights is a link"):
        files.place("folder", "images")


def test_a_table_of_another_length_than_noted_is_refused(files):
    assert len(files.table("images", "images")) == 3
    rewrite(files, lambda record: record["facts"].update(images=2))
    with pytest.raises(LibraryError, match=r"images of stage images cannot be read .it has 3 rows, not 2"):
        LibraryFolder(files.path).table("images", "images")


def test_a_table_that_unpacks_to_too_much_is_not_unpacked(files, monkeypatch):
    monkeypatch.setattr("lookalike.library.tables.MAX_TABLE", 1 << 16)
    place = files.path / files.header["stages"]["images"]["files"]["images"]
    pd.DataFrame({"file_name": [letter * 100_000 for letter in "abc"]}).to_parquet(place)
    assert place.stat().st_size < 1 << 16
    with pytest.raises(LibraryError, match=r"its 3 rows take 3.* bytes"):
        files.table("images", "images")
    monkeypatch.setattr("lookalike.library.tables.MAX_TABLE", 1 << 20)
    assert len(files.table("images", "images")) == 3
