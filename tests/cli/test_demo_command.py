"""``demo``, whole and small."""

import pytest

import lookalike


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "out"


ARGUMENTS = ["--images", "64", "--size", "48", "--space", "embedding"]


def test_demo_draws_builds_scores_searches_and_says_where_everything_is(run, place):
    ended = run("demo", place, *ARGUMENTS, "--json")
    assert ended.code == 0
    document = ended.json
    names = ["pictures", "library", "scores", "search", "matches", "map", "comparison", "report"]
    assert list(document) == names
    assert len(list((place / "pictures").rglob("*.jpg"))) == 64
    assert document["scores"]["images"] == 64
    assert document["scores"] == lookalike.open(document["library"]).evaluate()
    assert len(document["search"]["matches"]) == 10
    assert document["search"]["matches"][0]["distance"] > 0
    for name in ("matches", "map", "comparison", "report"):
        assert (place / document[name].rsplit("/", 1)[-1]).stat().st_size > 1000


def test_demo_does_not_draw_into_pictures_of_ones_own(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "mine.jpg").write_text("mine")
    ended = run("demo", tmp_path, *ARGUMENTS)
    assert ended.code == 1
    assert "choose another place" in ended.err
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.jpg"]


def test_demo_again_goes_on_and_tells_people(run, place):
    before = {path: path.stat().st_mtime_ns for path in (place / "pictures").rglob("*.jpg")}
    ended = run("demo", place, *ARGUMENTS)
    assert ended.code == 0
    assert before
    assert before == {path: path.stat().st_mtime_ns for path in (place / "pictures").rglob("*.jpg")}
    for text in ["precision_at_10", "rank  distance", "query.jpg", str(place / "report.html"), str(place / "map.png")]:
        assert text in ended.out


def test_demo_of_too_few_pictures_to_show_anything(run, tmp_path):
    ended = run("demo", tmp_path / "out", "--images", "63")
    assert ended.code == 2
    assert "64 or more" in ended.err
    assert not (tmp_path / "out").exists()


def test_demo_can_draw_only(run, tmp_path):
    ended = run("demo", tmp_path / "out", "--images", "8", "--size", "32", "--draw-only", "--json")
    assert ended.json == {"pictures": str(tmp_path / "out" / "pictures")}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pictures"]
    assert len(list((tmp_path / "out" / "pictures").rglob("*.jpg"))) == 8
