"""Tables and folders of pictures."""

import json
import os

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike.errors import FolderError, LibraryError, LookalikeError, SettingError
from lookalike.library import LibraryFolder
from lookalike.show import export
from lookalike.show.exporting import COLUMNS, safe_name


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_nlink) for path in folder.rglob("*")}


def test_csv_brings_back_every_name_and_number(library, odd_names, tmp_path):
    written = export(library, tmp_path / "out.csv")
    read = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(read) == list(COLUMNS)
    assert set(odd_names) < set(read["file_name"])
    for column in ("file_name", "width", "height", "label", "cluster", "cluster_name"):
        assert read[column].tolist() == library.images[column].tolist()
    np.testing.assert_allclose(read[["projection_x", "projection_y"]], library.layout, rtol=1e-6)
    assert len(written) == len(read)


def test_parquet_holds_the_embeddings_as_float32(library, tmp_path):
    export(library, tmp_path / "out.parquet")
    read = pd.read_parquet(tmp_path / "out.parquet")
    assert list(read) == [*COLUMNS, "embedding"]
    vectors = np.stack(read["embedding"].to_list())
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, library.embeddings)
    assert read["file_name"].tolist() == library.images["file_name"].tolist()


def test_jsonl_is_one_object_a_line_with_exact_embeddings(library, tmp_path):
    export(library, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["file_name"] for row in rows] == library.images["file_name"].tolist()
    assert list(rows[0]) == [*COLUMNS, "embedding"]
    np.testing.assert_allclose([row["embedding"] for row in rows], library.embeddings, rtol=1e-6, atol=1e-11)


def test_a_table_replaces_the_old_one_whole_and_leaves_nothing_else(library, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    export(library, target)
    assert target.read_text(encoding="utf-8").startswith("file_name,width")
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(library, tmp_path, monkeypatch):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(LookalikeError, match=r"out\.csv could not be written: No space left"):
        export(library, target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_dry_run_plans_folders_and_writes_nothing(library, tmp_path):
    plan = export(library, tmp_path / "sorted", to="folders")
    assert list(plan) == ["source", "destination"]
    assert plan["source"].tolist() == [str(path) for path in library.paths]
    assert plan["destination"].str.casefold().is_unique
    assert not (tmp_path / "sorted").exists()


@pytest.mark.parametrize("how", ["copy", "link"])
def test_folders_hold_what_was_planned_and_the_pictures_stay_untouched(library, tmp_path, how):
    before = snapshot(library.folder)
    plan = export(library, tmp_path / "sorted", to="folders", how=how, dry_run=False)
    made = [path for path in (tmp_path / "sorted").rglob("*") if not path.is_dir()]
    assert sorted(map(str, made)) == sorted(plan["destination"])
    for (source, place), number in zip(plan.itertuples(index=False), library.clusters, strict=True):
        assert os.path.islink(place) == (how == "link")
        with open(source, "rb") as one, open(place, "rb") as other:
            assert one.read() == other.read()
        assert os.path.dirname(place) == str(tmp_path / "sorted" / library.cluster_names[number])
    assert snapshot(library.folder) == before
    assert os.listdir(tmp_path) == ["sorted"]


def test_nothing_is_overwritten(library, tmp_path):
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted" / "mine.txt").write_text("mine")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        export(library, tmp_path / "sorted", to="folders", dry_run=False)
    assert os.listdir(tmp_path / "sorted") == ["mine.txt"]


def test_an_empty_folder_may_be_filled(library, tmp_path):
    (tmp_path / "sorted").mkdir()
    export(library, tmp_path / "sorted", to="folders", dry_run=False)
    assert len(os.listdir(tmp_path / "sorted")) == len(library.cluster_names)


def test_pictures_that_are_gone_are_named_before_anything_is_written(own_library, tmp_path):
    gone = own_library.paths[3]
    gone.unlink()
    with pytest.raises(FolderError, match=gone.name):
        export(own_library, tmp_path / "sorted", to="folders", dry_run=False)
    assert not (tmp_path / "sorted").exists()


def test_names_that_differ_by_case_alone_get_numbers(own_library, tmp_path):
    plan = export(own_library.cluster(n_clusters=1), tmp_path / "sorted", to="folders")
    names = [os.path.basename(place) for place in plan["destination"]]
    assert plan["destination"].str.casefold().is_unique
    assert "SAME.png" in names
    assert "same-2.png" in names
    assert "Same-3.png" in names


def test_images_of_no_cluster_go_into_none(own_library, tmp_path):
    library = own_library.cluster(method="hdbscan", n_clusters="auto")
    alone = library.clusters < 0
    assert alone.any()
    plan = export(library, tmp_path / "sorted", to="folders")
    in_none = [os.path.basename(os.path.dirname(place)) == "none" for place in plan["destination"]]
    assert in_none == alone.tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": "fiftyone"}, "to='fiftyone'"),
        ({"to": "folders", "how": "move"}, "never moved"),
    ],
)
def test_what_is_not_offered_is_refused(library, tmp_path, settings, message):
    with pytest.raises(SettingError, match=message):
        export(library, tmp_path / "out", **settings)


@pytest.mark.parametrize("to", [None, "folders"])
def test_a_library_that_is_not_finished_says_so(own_library, tmp_path, to):
    files = LibraryFolder(own_library.path)
    with files.writing():
        files.forget("clusters")
    with pytest.raises(LibraryError, match="lookalike build"):
        export(lookalike.open(own_library.path), tmp_path / "out.csv", to=to)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("to", [None, "folders"])
def test_nothing_goes_into_the_folder_of_pictures(library, to):
    with pytest.raises(SettingError, match="never touched"):
        export(library, library.folder / "out.csv", to=to, dry_run=False)


def test_unknown_endings_name_the_known_ones(library, tmp_path):
    with pytest.raises(SettingError, match=r"\.csv, \.parquet, \.jsonl"):
        export(library, tmp_path / "out.xlsx")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b\\c:d", "a_b_c_d"),
        ("..", "unnamed"),
        ("con", "_con"),
        ("LPT1.old", "_LPT1.old"),
        (" dots. ", "dots"),
        ("tab\tnew\nline", "tab_new_line"),
        ("кошки", "кошки"),
        ("é" * 200, "é" * 60),
    ],
)
def test_names_are_made_safe_for_every_file_system(name, safe):
    assert safe_name(name) == safe
