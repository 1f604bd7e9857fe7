"""``find`` and ``evaluate``."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike.images import write_image


@pytest.fixture
def query(tmp_path, pictures):
    """A picture of discs that is not in the folder."""
    path = tmp_path / "query.png"
    write_image(pictures(1, size=40, seed=9)[0][0], path)
    return path


def test_find_gives_the_one_json_document(run, library, query):
    ended = run("find", library, query, "checks/001.png", "-n", 3, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert [entry["query"] for entry in ended.json] == [str(query), "checks/001.png"]
    for entry in ended.json:
        assert list(entry) == ["query", "matches"]
        assert [list(match) for match in entry["matches"]] == [["rank", "file_name", "distance", "cluster"]] * 3
        assert [match["rank"] for match in entry["matches"]] == [1, 2, 3]
    first = ended.json[1]["matches"][0]
    assert (first["file_name"], round(first["distance"], 4)) == ("checks/001.png", 0)


def test_find_answers_as_the_library_does(run, library, query):
    expected = lookalike.open(library).find(query, 10).to_dict("records")
    assert run("find", library, query, "--json").json[0]["matches"] == expected


def loaded_by(*arguments):
    """The modules that a command loads."""
    code = f"import sys; from lookalike.cli import run; run({[*map(str, arguments)]!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["find", "info"])
def test_what_is_at_hand_needs_neither_pytorch_nor_pandas(own_library, command):
    lookalike.open(own_library).rename(0, "by hand")
    loaded = loaded_by(command, own_library, *(["checks/001.png", "-n", "3"] if command == "find" else []))
    assert "lookalike.pipeline.library" in loaded
    assert not loaded & {"torch", "pandas", "sklearn", "matplotlib"}


def test_nor_does_an_outside_picture_by_the_default_model(run, folder, query, tmp_path):
    settings = {"epochs": 1, "projection": "pca", "space": "embedding", "n_clusters": 4}
    built = lookalike.build(folder, tmp_path / "default.lookalike", **settings).path
    loaded = loaded_by("find", built, query, "-n", "3")
    assert "lookalike.pipeline.library" in loaded
    assert not loaded & {"torch", "pandas", "sklearn", "matplotlib"}
    alone = run("find", built, query, "--json").json[0]["matches"]
    among_many = run("find", built, *[query] * 33, "--json").json[0]["matches"]  # these the network encodes
    assert alone[0]["file_name"] == among_many[0]["file_name"]
    assert [match["distance"] for match in alone] == pytest.approx([m["distance"] for m in among_many], abs=0.01)


def test_find_tells_people_a_table_per_query(run, library, folder):
    ended = run("find", library, folder / "checks" / "001.png", folder / "discs" / "002.png", "-n", 2)
    lines = ended.out.splitlines()
    assert len(lines) == 4 + 1 + 4
    assert lines[0] == str(folder / "checks" / "001.png")
    assert lines[1].split() == ["rank", "distance", "cluster", "file_name"]
    assert lines[2].split()[::3] == ["1", "checks/001.png"]
    assert lines[7].split()[::3] == ["1", "discs/002.png"]
    assert len(run("find", library, folder / "discs" / "002.png", "-n", 2).out.splitlines()) == 3


def test_a_dash_reads_the_query_from_stdin(program, library, query):
    out, err = program("find", library, "-", "-n", "2", "--json").communicate(query.read_bytes(), timeout=100)
    (answer,) = json.loads(out)
    assert err == b""
    assert answer["query"] == "-"
    assert answer["matches"] == lookalike.open(library).find(query, 2).to_dict("records")


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_an_unreadable_stdin_is_named(run, library, monkeypatch, content):
    import io

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    ended = run("find", library, "-")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: stdin: ")
    assert ended.err.count("\n") == 1


def test_an_unreadable_query_is_named(run, library, folder, tmp_path):
    for bad in (tmp_path / "gone.png", folder / "discs" / "broken.png", tmp_path):
        ended = run("find", library, bad)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"error: {bad}: ")


def test_a_query_that_is_nowhere_is_told_from_one_that_is_gone(run, own_library, tmp_path):
    gone = next(path for path in lookalike.open(own_library).paths if path.name == "001.png")
    name = f"{gone.parent.name}/{gone.name}"
    gone.rename(gone.with_name("renamed.png"))
    try:
        ended = run("find", own_library, "checks/0001.png", name, "-n", 2, "--sheet", tmp_path / "sheet.jpg")
        by_path = run("find", own_library, gone, "-n", 2)
    finally:
        gone.with_name("renamed.png").rename(gone)
    assert ended.code == 1
    error, drew = ended.err.splitlines()
    assert error == "error: checks/0001.png: there is no such file, and no image of that name in the library"
    assert drew == f"drew {tmp_path / 'sheet.jpg'}"
    assert name in ended.out
    assert by_path.out == ended.out


def test_find_draws_a_sheet(run, library, query, tmp_path):
    from lookalike.images import decode

    ended = run("find", library, query, "-n", 5, "--sheet", tmp_path / "sheet.jpg", "--json")
    assert (ended.code, len(ended.json[0]["matches"])) == (0, 5)
    assert str(tmp_path / "sheet.jpg") in ended.err
    assert np.ptp(decode((tmp_path / "sheet.jpg").read_bytes())) > 100


def test_find_needs_a_library_that_is_far_enough(run, draw_folder, tmp_path, query):
    from lookalike.library import LibraryFolder

    LibraryFolder.create(tmp_path / "a.lookalike", draw_folder(tmp_path / "photos", n_each=1))
    ended = run("find", tmp_path / "a.lookalike", query)
    assert (ended.code, "not built that far" in ended.err) == (1, True)


def test_evaluate_gives_the_one_json_document(run, library):
    ended = run("evaluate", library, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == lookalike.open(library).evaluate()
    of_clusters = ["acc", "nmi", "ari", "ami"]
    of_search = ["precision_at_10", "recall_at_10", "knn_accuracy", "knn_accuracy_10", "map"]
    assert list(ended.json) == ["images", "classes", "clusters", *of_clusters, *of_search]
    assert (ended.json["images"], ended.json["classes"], ended.json["clusters"]) == (48, 4, 4)


def test_evaluate_tells_people_three_decimals(run, library):
    scores = run("evaluate", library, "--json").json
    lines = dict(line.split() for line in run("evaluate", library).out.splitlines())
    assert lines["images"] == "48"
    assert lines["nmi"] == f"{scores['nmi']:.3f}"


def test_evaluate_tells_how_each_label_does_and_how_many_have_none(run, library, tmp_path):
    opened = lookalike.open(library)
    names, clusters = opened.images.file_name, opened.clusters
    labelled = np.flatnonzero(clusters >= 0)[3:]  # three have none
    truth = pd.DataFrame({"file_name": names[labelled], "label": [f"in {clusters[row]}" for row in labelled]})
    truth.to_csv(tmp_path / "truth.csv", index=False)
    ended = run("evaluate", library, "--labels", tmp_path / "truth.csv", "--by-label", "--json")
    assert ended.err == f"{len(names) - len(labelled)} images without a label: left out\n"
    for each in ended.json["labels"]:
        members = int((truth["label"] == each["label"]).sum())
        assert (each["label"], each["images"], each["share_in_cluster"]) == (f"in {each['cluster']}", members, 1)
        assert each["share_of_cluster"] == members / int((clusters == each["cluster"]).sum())
    found = [each["precision_at_10"] for each in ended.json["labels"]]
    assert found == sorted(found, reverse=True)
    of_images = [each["precision_at_10"] * each["images"] for each in ended.json["labels"]]
    assert sum(of_images) / len(labelled) == pytest.approx(ended.json["precision_at_10"])
    text = run("evaluate", library, "--labels", tmp_path / "truth.csv", "--by-label").out
    assert f"mean over labels: precision_at_10 {np.mean(found):.3f}" in text


def test_evaluate_takes_labels_from_a_file(run, library, tmp_path):
    images = lookalike.open(library).images
    truth = pd.DataFrame({"file_name": images.file_name, "label": images.cluster.map("number {}".format)})
    truth.to_csv(tmp_path / "truth.csv", index=False)
    ended = run("evaluate", library, "--labels", tmp_path / "truth.csv", "--json")
    assert (ended.json["acc"], ended.json["ari"]) == (1, 1)
    assert run("evaluate", library, "--labels", tmp_path / "gone.csv").code == 1


def test_find_verifies(run, library, folder, query):
    pytest.importorskip("cv2", reason="needs the extra keypoints")
    ended = run("find", library, folder / "checks" / "001.png", "-n", 3, "--verify", "--json")
    expected = lookalike.open(library).find(folder / "checks" / "001.png", 3, verify=True)
    assert (ended.code, ended.err) == (0, "")
    assert ended.json[0]["matches"] == expected.to_dict("records")
    lines = run("find", library, query, "-n", 3, "--verify").out.splitlines()
    assert lines[0].split() == ["rank", "distance", "inliers", "cluster", "file_name"]
    assert len(lines) == 4


def test_find_says_when_it_verified_thumbnails(run, draw_folder, tmp_path):
    pytest.importorskip("cv2", reason="needs the extra keypoints")
    photos = draw_folder(tmp_path / "photos", n_each=1)
    settings = {"model": "pixels", "projection": "pca", "space": "embedding", "n_clusters": 2}
    made = lookalike.build(photos, tmp_path / "own.lookalike", **settings).path
    (photos / "discs" / "000.png").unlink()
    ended = run("find", made, photos / "checks" / "000.png", "--verify")
    assert ended.code == 0
    assert ended.err == ("1 of the 4 matches was compared by its thumbnail: the file is gone, unreadable or changed\n")


def test_find_says_what_verifying_needs(run, library, query, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    ended = run("find", library, query, "--verify")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: verify needs OpenCV, which is not installed; pip install 'lookalike[keypoints]' brings it\n"
    )


def test_evaluate_says_when_neighbours_are_not_all_there(run, draw_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.search.choosing.NEIGHBORS_FROM", 8)
    folder, settings = draw_folder(tmp_path / "photos", n_each=4), {"model": "pixels", "space": "embedding"}
    lookalike.build(folder, tmp_path / "a.lookalike", n_clusters=2, projection="pca", **settings)
    ended = run("evaluate", tmp_path / "a.lookalike", "--json")
    assert ended.json["images"] == 16
    assert "neighbours found in cells, of which 1.000 of the ten nearest" in ended.err


def test_find_answers_the_queries_that_can_be_read(run, library, query, tmp_path):
    broken, none, sheet = (tmp_path / name for name in ("broken.jpg", "none.jpg", "sheet.jpg"))
    broken.write_text("no picture")
    ended = run("find", library, broken, query, none, "-n", 2, "--json", "--sheet", sheet)
    assert ended.code == 1
    assert ended.json == run("find", library, query, "-n", 2, "--json").json
    assert [line.split(":")[:2] for line in ended.err.splitlines()][:2] == [
        ["error", f" {tmp_path / name}"] for name in ("broken.jpg", "none.jpg")
    ]
    assert sheet.stat().st_size > 1000


def test_find_with_nothing_that_can_be_read_finds_nothing(run, library, tmp_path):
    ended = run("find", library, tmp_path / "none.jpg", tmp_path / "neither.jpg")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)


def test_find_with_nothing_on_stdin_answers_the_others(program, library, query):
    process = program("find", library, "-", query, "-n", 2, "--json", text=True)
    out, err = process.communicate("no picture")
    assert (process.returncode, err.startswith("error: stdin: ")) == (1, True)
    assert [len(of["matches"]) for of in json.loads(out)] == [2]
