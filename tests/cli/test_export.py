"""``export`` and ``report``."""

import pandas as pd
import pytest

import lookalike

READERS = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda path: pd.read_json(path, lines=True)}


@pytest.mark.parametrize("ending", READERS)
def test_export_writes_the_table_that_the_ending_says(run, library, tmp_path, ending):
    path = tmp_path / f"images.{ending}"
    ended = run("export", library, path, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {"path": str(path), "rows": 48}
    expected = lookalike.open(library).images
    table = READERS[ending](path)
    assert table.file_name.tolist() == expected.file_name.tolist()
    assert table.cluster.tolist() == expected.cluster.tolist()
    assert "48 rows" in run("export", library, path).out


def test_an_unknown_ending_is_one_line_that_lists_the_known(run, library, tmp_path):
    ended = run("export", library, tmp_path / "images.xls")
    assert (ended.code, ended.out) == (1, "")
    assert all(ending in ended.err for ending in READERS)


def test_folders_are_shown_first_and_made_with_yes(run, library, tmp_path):
    target = tmp_path / "by cluster"
    planned = run("export", library, target, "--to", "folders")
    assert planned.code == 0
    assert "48 images would go to " in planned.out
    assert "--yes" in planned.err
    assert not target.exists()
    done = run("export", library, target, "--to", "folders", "--yes", "--json")
    assert (done.code, done.err) == (0, "")
    assert {**done.json, "files": len(done.json["files"])} == {
        "path": str(target),
        "rows": 48,
        "dry_run": False,
        "files": 48,
    }
    assert len([path for path in target.rglob("*") if path.is_file()]) == 48
    assert sorted(path.name for path in target.iterdir()) == [f"cluster {number}" for number in range(4)]


def test_a_dry_run_can_be_asked_for_and_wins_when_it_comes_last(run, library, tmp_path):
    ended = run("export", library, tmp_path / "out", "--to", "folders", "--yes", "--dry-run", "--json")
    assert ended.json["dry_run"] is True
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("how", "links"), [("copy", 0), ("link", 48)])
def test_images_are_copied_or_linked(run, library, tmp_path, how, links):
    run("export", library, tmp_path / "out", "--to", "folders", "--how", how, "--yes")
    assert sum(path.is_symlink() for path in (tmp_path / "out").rglob("*")) == links


def test_report_writes_one_page(run, library, tmp_path):
    path = tmp_path / "report.html"
    ended = run("report", library, "-o", path, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {"library": str(library), "path": str(path)}
    page = path.read_text()
    assert "broken.png" in page
    assert "cluster 3" in page


def test_report_has_a_name_of_its_own(run, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("report", library).out == f"wrote {library.stem}-report.html\n"
    assert (tmp_path / f"{library.stem}-report.html").stat().st_size > 10_000


def test_report_takes_labels_from_a_file(run, library, tmp_path):
    file_names = lookalike.open(library).images.file_name
    labels = pd.DataFrame({"file_name": file_names, "label": ["one", "two"] * 24})
    labels.to_csv(tmp_path / "truth.csv", index=False)
    pages = []
    for number, option in enumerate([[], ["--labels", tmp_path / "truth.csv"]]):
        assert run("report", library, "-o", tmp_path / f"{number}.html", *option).code == 0
        pages.append((tmp_path / f"{number}.html").read_text())
    assert pages[0] != pages[1]
    assert "truth.csv" in pages[1]


def test_nothing_is_written_into_the_folder_of_pictures(run, library, folder):
    before = sorted(folder.rglob("*"))
    assert run("export", library, folder / "images.csv").code == 1
    assert run("export", library, folder / "out", "--to", "folders", "--yes").code == 1
    assert run("report", library, "-o", folder / "report.html").code == 1
    assert sorted(folder.rglob("*")) == before
