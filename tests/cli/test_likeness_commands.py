"""``duplicates`` and ``outliers``."""

import numpy as np
import pytest

import lookalike
from lookalike.images import decode, write_image


@pytest.fixture(scope="module")
def copied(tmp_path_factory, draw_folder):
    """A library of 16 pictures, one of them there twice, one also brighter."""
    folder = draw_folder(tmp_path_factory.mktemp("copied") / "photos", n_each=4)
    (folder / "discs" / "copy.png").write_bytes((folder / "discs" / "000.png").read_bytes())
    pixels = decode((folder / "checks" / "001.png").read_bytes())
    write_image(np.minimum(pixels, 253) + 2, folder / "checks" / "brighter.png")
    settings = {"model": "pixels", "projection": "pca", "space": "embedding", "n_clusters": 4}
    return lookalike.build(folder, folder.parent / "photos.lookalike", **settings).path


def test_duplicates_gives_the_one_json_document(run, copied):
    ended = run("duplicates", copied, "--within", 0.1, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert [list(each) for each in ended.json] == [["group", "kind", "images"]] * 2
    assert {each["kind"] for each in ended.json} == {"exact", "near"}
    for each in ended.json:
        assert [list(image) for image in each["images"]] == [["file_name", "distance", "width", "height", "bytes"]] * 2
    found = lookalike.open(copied).duplicates(0.1)
    assert [image["file_name"] for each in ended.json for image in each["images"]] == found["file_name"].tolist()


def test_exact_leaves_near_ones_out(run, copied):
    (only,) = run("duplicates", copied, "--exact", "--json").json
    assert (only["group"], only["kind"]) == (1, "exact")
    assert [image["file_name"] for image in only["images"]] == ["discs/000.png", "discs/copy.png"]
    assert [image["distance"] for image in only["images"]] == [0, 0]


def test_duplicates_tells_people_what_to_keep(run, copied):
    lines = run("duplicates", copied, "--within", 0.1).out.splitlines()
    assert lines[0].split() == ["group", "kind", "distance", "pixels", "bytes", "file_name"]
    assert [line.split()[0] for line in lines[1:5:2]] == ["1", "2"]
    assert all("keep" in line and "52×40" in line for line in lines[1:5:2])
    assert lines[6].startswith("1 exact group, 1 near group; 2 images beside the first of each, ")
    assert lines[6].endswith("; near ones may be up to 0.1 apart")
    assert len(lines) == 7


def test_without_duplicates_there_are_none(run, library):
    ended = run("duplicates", library, "--exact")
    assert (ended.code, ended.out) == (0, "no duplicates\n")
    assert run("duplicates", library, "--exact", "--json").json == []
    assert run("duplicates", library, "--within", 0).out == "no duplicates; near ones may be up to 0 apart\n"
    least, most = (f"{limit:.3g}" for limit in np.quantile(lookalike.open(library).near_distances, (0, 1)))
    said = run("duplicates", library).out.strip().split("; near ones may be up to ")[1]
    assert said == (f"{most} apart, where images are crowded {least}" if least != most else f"{most} apart")


def test_both_draw_sheets(run, copied, tmp_path):
    for command in ("duplicates", "outliers"):
        ended = run(command, copied, "--sheet", tmp_path / f"{command}.jpg", "--json")
        assert (ended.code, str(tmp_path / f"{command}.jpg") in ended.err) == (0, True)
        assert np.ptp(decode((tmp_path / f"{command}.jpg").read_bytes())) > 100


def test_outliers_gives_the_one_json_document(run, copied):
    ended = run("outliers", copied, "-n", 3, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == lookalike.open(copied).outliers(3).to_dict("records")
    assert [list(image) for image in ended.json] == [["rank", "file_name", "distance"]] * 3


def test_outliers_tells_people_a_table(run, copied):
    lines = run("outliers", copied).out.splitlines()
    assert lines[0].split() == ["rank", "distance", "file_name"]
    assert len(lines) == 1 + 18


def test_a_single_image_has_neither(run, draw_folder, tmp_path):
    folder = draw_folder(tmp_path / "photos", n_each=1)
    for path in [*folder.rglob("*.png")][1:]:
        path.unlink()
    settings = {"model": "pixels", "projection": "pca", "space": "embedding"}
    made = lookalike.build(folder, tmp_path / "one.lookalike", **settings).path
    assert run("duplicates", made).out == "no duplicates; near ones may be up to 0.5 apart\n"
    assert run("outliers", made).out == "no outliers: there are no two images to compare\n"
    for command in ("duplicates", "outliers"):
        ended = run(command, made, "--json", "--sheet", tmp_path / "none.jpg")
        assert (ended.json, ended.code) == ([], 0)
        assert ended.err.strip() == f"drew no {tmp_path / 'none.jpg'}: there is nothing to show"
    assert not (tmp_path / "none.jpg").exists()


@pytest.mark.parametrize(
    "wrong", [["--within", 3], ["--within", "x"], ["--exact", "--within", 0.3], ["--exact", "--verify"]]
)
def test_wrong_usage_is_named(run, copied, wrong):
    ended = run("duplicates", copied, *wrong)
    assert (ended.code, ended.out) == (2, "")
    assert "--within" in ended.err


def test_what_is_no_library_is_named_in_one_line(run, tmp_path):
    for command in ("duplicates", "outliers"):
        ended = run(command, tmp_path / "none.lookalike")
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
        assert ended.err.startswith("error: ")
