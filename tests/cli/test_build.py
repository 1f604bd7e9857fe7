"""``build``, ``update`` and ``info``."""

import shutil

import numpy as np
import pytest

import lookalike
from lookalike.cli.build import warn

QUICK = ["--model", "pixels", "--projection", "pca", "--space", "embedding", "-k", "4"]
STAGES = ["scan", "decode", "train", "embed", "project", "cluster", "index", "total"]
TRAINED = {"name": "vae", "dim": 64, "active_units": 60, "units": 64, "steps": 500, "capped": False}


def test_build_gives_the_one_json_document(run, folder, tmp_path):
    ended = run("build", folder, "-o", tmp_path / "a.lookalike", *QUICK, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert list(ended.json) == ["library", "images", "skipped", "model", "clusters", "seconds"]
    assert list(ended.json["seconds"]) == STAGES
    assert {**ended.json, "seconds": None} == {
        "library": str(tmp_path / "a.lookalike"),
        "images": 48,
        "skipped": 1,
        "model": "pixels",
        "clusters": 4,
        "seconds": None,
    }


def test_build_tells_people_what_was_made_and_what_to_type_next(run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("build", folder, *QUICK)
    assert ended.code == 0
    assert (tmp_path / "photos.lookalike").is_dir()
    for text in ["images    48", "skipped   1", "broken.png: ", "pixels, 64", "4 (kmeans on the embedding)"]:
        assert text in ended.out
    next_ones = [line.removeprefix("next").split() for line in ended.out.splitlines() if "lookalike " in line]
    assert [words[1] for words in next_ones] == ["find", "map", "serve", "report"]
    assert run(*next_ones[0][1:], "-n", "1", "--json").json[0]["matches"][0]["file_name"] == "checks/000.png"


def test_build_again_tells_the_seconds_of_this_run_from_those_of_the_first(run, folder, own_library, monkeypatch):
    monkeypatch.setattr(lookalike.Library, "seconds", lambda library: dict.fromkeys(STAGES, 1e6))
    assert " this time, the rest was there" in run("build", folder, "-o", own_library).out
    monkeypatch.setattr(lookalike.Library, "seconds", lambda library: dict.fromkeys(STAGES, 0.001))
    assert "this time" not in run("build", folder, "-o", own_library).out


def test_what_is_given_is_kept_and_what_is_not_given_stays(run, folder, tmp_path):
    place = tmp_path / "a.lookalike"
    options = [
        "--method",
        "ward",
        "--fit",
        "pad",
        "--epochs",
        "2.5",
        "--minutes",
        "3",
        "--seed",
        "7",
        "--no-average",
        "--device",
        "cpu",
    ]
    assert run("build", folder, "-o", place, *QUICK, *options).code == 0
    kept = run("info", place, "--json").json["settings"]
    assert kept == {
        "model": "pixels",
        "model_settings": {},
        "fit": "pad",
        "epochs": 2.5,
        "minutes": 3.0,
        "average": False,
        "random_state": 7,
        "projection": "pca",
        "n_clusters": 4,
        "method": "ward",
        "space": "embedding",
    }
    assert run("build", folder, "-o", place, "-k", "3", "--json").json["clusters"] == 3
    assert run("info", place, "--json").json["settings"] == {**kept, "n_clusters": 3}


def test_k_auto_chooses_and_shows_the_evidence(run, own_library, folder):
    assert "chosen by modularity" in run("build", folder, "-o", own_library, "-k", "auto").out
    curve = run("cluster", own_library, "--json").json["modularity"]
    assert len(curve["k"]) == len(curve["modularity"]) > 2


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no pictures in "),
        ({"notes.txt": b"no picture"}, "1 other files"),
        ({"a.jpg": b"\xff\xd8\xff\xe0 cut off"}, "a.jpg: "),
    ],
)
def test_a_folder_without_readable_pictures_is_one_line_that_says_why(run, tmp_path, files, says):
    folder = tmp_path / "empty"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    ended = run("build", folder, "-o", tmp_path / "a.lookalike", *QUICK)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no")
    assert says in ended.err
    assert ended.err.count("\n") == 1


def test_a_folder_that_is_not_there_and_a_library_inside_the_folder_are_errors(run, folder, tmp_path):
    assert str(tmp_path / "gone") in run("build", tmp_path / "gone").err
    inside = run("build", folder, "-o", folder / "a.lookalike")
    assert (inside.code, "never written to" in inside.err) == (1, True)
    assert not (folder / "a.lookalike").exists()


def test_a_training_that_the_clock_ended_is_a_warning(run, folder, tmp_path):
    quick = ["--model", "vae", *QUICK[2:], "--epochs", "100000", "--minutes", "0.002"]
    ended = run("build", folder, "-o", tmp_path / "a.lookalike", *quick, "--json")
    assert ended.code == 0
    assert ended.err.startswith("warning: the clock ended the training after ")
    assert ended.json["model"] == "vae"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, ""),
        ({"active_units": 7}, "only 7 of the 64 numbers"),
        ({"active_units": 7, "name": "pixels"}, ""),
        ({"capped": True}, "after 500 steps"),
    ],
)
def test_a_collapsed_posterior_is_a_warning(capsys, facts, says):
    warn({"model": {**TRAINED, **facts}})
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert bool(says) == bool(shown.err)


def test_info_tells_people_and_programs_the_same(run, library, folder):
    told, document = run("info", library), run("info", library, "--json")
    assert f"clusters  {len(lookalike.open(library).cluster_names)} (kmeans on the" in told.out
    assert document.err == ""
    assert document.json["folder"] == str(folder)
    assert document.json["finished"] is True
    assert document.json["stages"]["images"]["skipped"] == 1
    for text in [str(folder), "model     pixels, ", "1 skipped (--skipped tells why)", "seconds  "]:
        assert text in told.out


def test_info_lists_skipped_files_with_their_reasons(run, library):
    reason = lookalike.open(library).skipped.reason.iloc[0]
    assert run("info", library, "--skipped", "--json").json["skipped"] == [
        {"file_name": "discs/broken.png", "reason": reason}
    ]
    assert run("info", library, "--skipped").out.splitlines()[1] == f"discs/broken.png  {reason}"


def test_a_name_cannot_steer_the_terminal(run, draw_folder, tmp_path):
    folder = draw_folder(tmp_path / "photos", n_each=1)
    (folder / "evil\x1b[2J.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    run("build", folder, "-o", tmp_path / "a.lookalike", *QUICK, "-k", "1")
    ended = run("info", tmp_path / "a.lookalike", "--skipped")
    assert "evil\\x1b[2J.jpg" in ended.out
    assert "\x1b" not in ended.out


def test_minutes_and_epochs_can_be_taken_back(run, own_library, folder):
    assert run("build", folder, "-o", own_library, "--minutes", "3", "--epochs", "2.5").code == 0
    assert run("build", folder, "-o", own_library, "--minutes", "none").code == 0
    kept = run("info", own_library, "--json").json["settings"]
    assert (kept["minutes"], kept["epochs"]) == (None, 2.5)
    assert run("build", folder, "-o", own_library, "--epochs", "auto").code == 0
    assert run("info", own_library, "--json").json["settings"]["epochs"] is None
    for option, wrong in [("--minutes", "auto"), ("--epochs", "none"), ("--epochs", "many")]:
        ended = run("build", folder, "-o", own_library, option, wrong)
        assert (ended.code, "is neither a number nor" in ended.err) == (2, True)


def test_ignore_leaves_the_other_settings_of_the_model(run, folder, tmp_path):
    place, small = tmp_path / "a.lookalike", {"dim": 8, "size": 32, "width": 8}
    quick = {"projection": "pca", "space": "embedding", "n_clusters": 4, "epochs": 0.1}
    lookalike.build(folder, place, model="siamese", model_settings=small, **quick)
    assert run("build", folder, "-o", place, "--ignore", "flip,color").code == 0
    kept = lookalike.open(place).settings
    assert kept.model_settings == {**small, "ignore": ["flip", "color"]}
    other = run("build", folder, "-o", place, "--model", "pixels", "--ignore", "flip")
    assert (other.code, "'pixels' does not take these settings" in other.err) == (1, True)
    assert lookalike.open(place).settings == kept


def test_from_scratch_and_back(run, folder, tmp_path):
    place, small = tmp_path / "a.lookalike", {"dim": 8, "size": 32, "width": 8}
    quick = {"projection": "pca", "space": "embedding", "n_clusters": 4, "epochs": 0.1}
    started = lookalike.build(folder, place, model="siamese", model_settings=small, **quick).embeddings.copy()
    ended = run("build", folder, "-o", place, "--from-scratch")
    assert (ended.code, "from scratch" in ended.out) == (0, True)
    scratch = lookalike.open(place)
    assert scratch.settings.model_settings == {**small, "starter": False}
    assert not np.allclose(scratch.embeddings, started, atol=1e-3)
    assert "from scratch" not in run("build", folder, "-o", place, "--with-starter").out
    assert lookalike.open(place).settings.model_settings == small
    assert np.allclose(lookalike.open(place).embeddings, started, atol=1e-4)


def test_a_seed_that_is_too_large_is_wrong_usage(run, folder, own_library):
    ended = run("build", folder, "-o", own_library, "--seed", 2**32)
    assert (ended.code, "--seed" in ended.err) == (2, True)


def test_a_mistyped_folder_leaves_the_library_as_it_was(run, own_library, tmp_path):
    before = (own_library / "library.json").read_bytes()
    assert run("build", tmp_path / "typo", "-o", own_library).code == 1
    assert run("build", tmp_path / "typo", "-o", tmp_path / "new.lookalike").code == 1
    assert (own_library / "library.json").read_bytes() == before
    assert not (tmp_path / "new.lookalike").exists()


def test_build_and_cluster_read_no_embeddings_for_a_name(run, own_library, folder, monkeypatch):
    def table(library):
        raise AssertionError("the whole table was read")

    monkeypatch.setattr(lookalike.Library, "images", property(table))
    assert "lookalike find" in run("build", folder, "-o", own_library).out
    assert run("cluster", own_library).code == 0


def test_info_tells_the_versions(run, library):
    versions = run("info", library, "--json").json["versions"]
    assert f"torch {versions['torch']}" in run("info", library).out


def test_info_says_what_is_not_as_usual(library, monkeypatch, run):
    result = lookalike.open(library).info()
    stages = result["stages"]
    stages["index"] |= {"kind": "cells", "probes": 16, "recall_at_10": 0.9951, "averaged": False}
    stages["map"] |= {"projection": "umap", "fitted_on": 20}
    stages["clusters"] |= {"space": "manifold\x07"}
    stages["manifold"] = {"fitted_on": 20}
    stages["embeddings"] = {"came_later": 3}
    stages["model"] |= {"steps": 3, "capped": True, "ignore": [], "source_hash": "0a1b"}
    del stages["model"]["fit"]
    result["settings"] |= {"model_settings": {"starter": False, "ignore": []}, "random_state": 1234567}
    result["finished"] = False
    monkeypatch.setattr(lookalike.Library, "info", lambda _: result)
    told = " ".join(run("info", library).out.split())
    for text in [
        "unfinished run `lookalike build` again",
        "48, 3 came after the model had been trained, 1 skipped",
        "ended by the clock mirror images told apart, as the folder says source_hash 0a1b",
        "random_state=1234567",
        "starter=False, ignore=none",
        "in 16 cells, where 0.9951 of the ten nearest are found, not averaged",
        "on the manifold\\x07",
        "umap, fitted on 20 of 48 images",
    ]:
        assert text in told, told
    result["busy"] = True
    assert "unfinished it is being built" in " ".join(run("info", library).out.split())


def test_info_tells_what_was_edited_and_survives_a_missing_fact(run, own_library, monkeypatch):
    assert "edited" not in run("info", own_library).out
    lookalike.open(own_library).rename(1, "hand")
    assert "edited by hand: cluster 1\n" in run("info", own_library).out
    result = lookalike.open(own_library).info()
    for stage in ("model", "index", "map", "clusters"):
        result["stages"][stage] = {"name": "x"}
    monkeypatch.setattr(lookalike.Library, "info", lambda _: result)
    assert run("info", own_library).code == 0


def test_update_says_what_has_changed(run, folder, tmp_path):
    folder, place = shutil.copytree(folder, tmp_path / "photos"), tmp_path / "a.lookalike"
    assert run("build", folder, "-o", place, *QUICK).code == 0
    unchanged = run("update", place, "--json")
    assert (unchanged.code, unchanged.err) == (0, "")
    changes = ["added", "changed", "moved", "removed", "unreadable"]
    assert list(unchanged.json) == ["library", *changes, "images", "skipped", "seconds"]
    assert [unchanged.json[key] for key in ("added", "changed", "removed", "images", "skipped")] == [[], [], [], 48, 1]
    assert unchanged.json["moved"] == unchanged.json["unreadable"] == {}
    first = folder / "checks" / "000.png"
    first.rename(folder / "checks" / "moved.png")
    for number in range(12):
        (folder / f"{number:02}.png").write_bytes((folder / "checks" / "moved.png").read_bytes())
    (folder / "checks" / "moved.png").unlink()
    (folder / "checks" / "001.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    changed = run("update", place)
    assert changed.code == 0
    said = "\n".join(line.strip() for line in changed.out.splitlines())
    assert "added       11\n01.png\n" in said
    assert "moved       1\nchecks/000.png → 00.png\n" in said
    assert "removed     1\nchecks/001.png\n" in said
    assert "unreadable  1\nchecks/001.png: " in said
    assert "skipped     2\n" in said
    assert "58" in changed.out
    assert run("find", place, "00.png", "-n", "1", "--json").code == 0


def test_update_names_edited_clusters_that_are_gone(run, folder, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(folder, mine)
    settings = {"model": "pixels", "space": "embedding", "projection": "pca", "n_clusters": 4}
    library = lookalike.build(mine, tmp_path / "mine.lookalike", **settings).rename(1, "hand")
    assert "hand" not in run("update", library.path).err
    for name in library.images.query("cluster == 1")["file_name"]:
        (mine / name).unlink()
    gone = "hand, a cluster that was edited by hand, has lost its last image and is gone\n"
    assert gone in run("update", library.path).err


def test_update_of_what_is_none(run, tmp_path):
    ended = run("update", tmp_path / "none.lookalike")
    assert ended.code == 1
    assert "is not a library" in ended.err
