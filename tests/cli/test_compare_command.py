"""``compare``."""

import pytest

import lookalike
from lookalike.images import decode
from lookalike.pipeline import approach, comparing

MODELS = ["--models", "pixels"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("compare") / "photos.compare"


@pytest.fixture
def quick(monkeypatch):
    """The command as it is, but in one process, with maps and clusters that take no seconds, and little to train."""
    compare = lookalike.compare
    settings = {"projection": "pca", "space": "embedding", "n_clusters": 3, "epochs": 1}
    settings["model_settings"] = {"dim": 8, "size": 32}

    def work(job, name, progress):
        return approach.build_and_score(**job, progress=lambda *told, note="": progress(*told, note=name))

    monkeypatch.setattr(comparing, "_in_its_own_process", work)
    monkeypatch.setitem(vars(lookalike), "compare", lambda folder, **given: compare(folder, **{**settings, **given}))


def test_one_json_document_and_one_picture(run, quick, folder, place, tmp_path):
    drawn = tmp_path / "maps.png"
    ended = run("compare", folder, "--models", "pixels, vae", "--libraries", place, "-o", drawn, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert list(ended.json) == ["folder", "labels", "models", "skipped", "path"]
    assert (ended.json["labels"], ended.json["skipped"], ended.json["path"]) == ("folders", [], str(drawn))
    for row in ended.json["models"]:
        assert row["precision_at_10"] == lookalike.open(row["library"]).evaluate()["precision_at_10"]
        assert row["peak_megabytes"] > 10
    assert decode(drawn.read_bytes()).shape[1] > 1400


def test_people_get_a_table_and_what_to_type_next(run, quick, folder, place, tmp_path):
    options = ["--models", "pixels,vae", "--libraries", place, "-o", tmp_path / "maps.png"]
    by_label = run("compare", folder, *options).out.splitlines()
    assert by_label[0].split() == (
        ["model", "precision_at_10", "knn_accuracy", "map", "acc", "nmi", "ari", "train", "s", "all", "s", "MB"]
    )
    assert {by_label[1].split()[0], by_label[2].split()[0]} == {"pixels", "vae"}
    best = place / f"{by_label[1].split()[0]}.lookalike"
    assert by_label[-1] == f"next, with one of them: lookalike find {best} IMAGE"
    without = run("compare", folder, *options, "--labels", "none").out.splitlines()
    assert without[0].split()[:3] == ["model", "view_agreement", "silhouette"]


def test_what_was_left_out_or_ended_by_the_clock_is_said_on_stderr(run, quick, folder, tmp_path, monkeypatch):
    started = comparing._in_its_own_process

    def lacking(job, name, progress):
        if name == "ae":
            raise comparing._error("MemoryError", "no room\nfor ae")
        return {**started(job, name, progress), "capped": True}

    monkeypatch.setattr(comparing, "_in_its_own_process", lacking)
    ended = run(
        *("compare", folder, "--models", "ae,pixels", "--minutes", "1", "--libraries", tmp_path / "c", "--json"),
        *("-o", tmp_path / "maps.jpg"),
    )
    first, second = ended.err.splitlines()
    assert first == "skipped ae: no room for ae"
    assert second.startswith("warning: the clock ended the training of pixels;")
    assert lookalike.open(tmp_path / "c" / "pixels.lookalike").settings.minutes == 1
    assert [row["model"] for row in ended.json["models"]] == ["pixels"]


@pytest.mark.parametrize("name", ["maps.pdf", "missing/maps.png"])
def test_a_place_that_cannot_be_drawn_to_is_named_before_anything_is_built(run, folder, tmp_path, name):
    ended = run("compare", folder, *MODELS, "--libraries", tmp_path / "c", "-o", tmp_path / name)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {tmp_path / name} ")
    assert not (tmp_path / "c").exists()
