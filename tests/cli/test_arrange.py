"""``cluster`` and ``map``."""

import json

import numpy as np
import pytest

import lookalike
from lookalike.images import decode
from lookalike.library import LibraryFolder


def test_cluster_gives_the_one_json_document(run, own_library):
    ended = run("cluster", own_library, "-k", 3, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    assert list(document) == ["library", "method", "space", "n_clusters", "clusters", "none", "kept", "modularity"]
    assert (document["n_clusters"], document["none"], document["modularity"]) == (3, 0, None)
    assert [list(each) for each in document["clusters"]] == [["cluster", "name", "images", "typical"]] * 3
    assert sum(each["images"] for each in document["clusters"]) == 48
    library = lookalike.open(own_library)
    for each in document["clusters"]:
        assert len(each["typical"]) == 3
        assert {library.clusters[library.row(name)] for name in each["typical"]} == {each["cluster"]}


def test_cluster_tells_people_a_table_and_with_k_auto_the_curve(run, own_library):
    lines = run("cluster", own_library, "-k", "auto").out.splitlines()
    kept = run("cluster", own_library, "--json").json
    assert lines[0].split() == ["cluster", "name", "images", "typical", "images"]
    assert lines[1].split()[:4] == ["0", "cluster", "0", str(kept["clusters"][0]["images"])]
    assert ", ".join(kept["clusters"][0]["typical"]) in lines[1]
    curve = kept["modularity"]
    said, *shown = [line for line in lines[lines.index("modularity by the number of clusters") + 1 :] if line]
    bars = {line.split()[0]: line.count("█") for line in shown}
    best = curve["k"][int(np.argmax(curve["modularity"]))]
    assert said.startswith(f"{best} has the most")
    assert set(bars) == {str(k) for k in curve["k"]}
    assert bars[str(best)] == 40 == max(bars.values())


def test_a_handful_of_images_has_no_curve(run, draw_folder, tmp_path):
    folder = draw_folder(tmp_path / "few", n_each=1)
    for extra in sorted(folder.rglob("*.*"))[3:]:
        extra.unlink()
    place = tmp_path / "few.lookalike"
    built = run("build", folder, "-o", place, "-k", "auto", "--model", "pixels", "--projection", "pca")
    assert (built.code, "modularity" in built.out) == (0, False)
    clusters = run("cluster", place)
    assert (clusters.code, "modularity" in clusters.out) == (0, False)
    assert run("cluster", place, "--json").json["modularity"] is None


def test_cluster_with_nothing_given_changes_nothing(run, own_library):
    before = lookalike.open(own_library).clusters
    assert run("cluster", own_library).code == 0
    assert np.array_equal(lookalike.open(own_library).clusters, before)


def test_hdbscan_says_that_it_takes_no_number(run, own_library):
    ended = run("cluster", own_library, "--method", "hdbscan", "-k", 4)
    assert ended.err == "hdbscan decides by itself how many clusters there are; for 4 add --method kmeans\n"
    assert run("cluster", own_library, "--method", "hdbscan").err == ""
    assert run("cluster", own_library, "--method", "kmeans", "-k", 4).err == ""


def test_clusters_that_stay_are_told_where_the_number_is_another(run, own_library):
    run("cluster", own_library, "-k", 4)
    run("cluster", own_library, "--split", 0, 2)
    ended = run("cluster", own_library, "-k", 1, "--json")
    kept = ended.json["kept"]
    assert len(kept) == 2
    assert ended.json["n_clusters"] > 1
    numbers = f"{kept[0]},{kept[1]}"
    stay = f"clusters edited by hand stay until `--release {numbers}`"
    assert ended.err == f"there are {ended.json['n_clusters']}, not 1: {stay}\n"
    shown = run("cluster", own_library, "-k", "auto")
    assert ", beside the 2 that were edited by hand\n" in shown.out
    assert shown.err == ""
    assert run("cluster", own_library, "--release", numbers, "--json").json["kept"] == []
    again = run("cluster", own_library, "-k", 1, "--json")
    assert (again.json["n_clusters"], again.err) == (1, "")


def test_an_edit_says_what_it_did_above_the_clusters(run, own_library):
    run("cluster", own_library, "-k", "auto")
    renamed = run("cluster", own_library, "--rename", 0, "shoes")
    assert renamed.out.startswith("renamed cluster 0 to 'shoes'\n\n")
    assert "modularity" not in renamed.out
    assert run("cluster", own_library, "--undo", "--json").json["did"] == "took back: renamed cluster 0 to 'shoes'"
    assert "modularity" in run("cluster", own_library).out


def test_more_clusters_than_images_are_not_blamed_on_edits(run, own_library):
    run("cluster", own_library, "--rename", 0, "shoes")
    ended = run("cluster", own_library, "-k", 5000)
    assert ended.err.startswith("5,000 clusters were asked for; there are ")
    assert ended.err.endswith("clusters edited by hand stay as they are until `--release 0`\n")
    assert "1 cluster edited by hand, kept until `--release 0`" in ended.out


def test_a_cluster_is_renamed_by_its_number_or_its_name(run, own_library):
    run("cluster", own_library, "--rename", 0, "shoes")
    assert run("cluster", own_library, "--rename", "shoes", "boots").out.startswith("renamed cluster 0 to 'boots'")
    run("cluster", own_library, "--rename", "boots", "1")
    assert run("cluster", own_library, "--rename", 1, "hats").out.startswith("renamed cluster 1 to 'hats'")
    ended = run("cluster", own_library, "--rename", "shoes", "x")
    assert (ended.code, "'shoes' is neither the number nor the name of a cluster" in ended.err) == (2, True)


def test_no_more_clusters_than_images_and_it_says_so(run, own_library):
    ended = run("cluster", own_library, "-k", 5000, "--json")
    assert len(ended.json["clusters"]) < 5000
    assert ended.err.startswith("5,000 clusters were asked for; there are ")
    assert run("cluster", own_library, "-k", 3, "--json").err == ""
    again = run("build", lookalike.open(own_library).paths[0].parents[1], "-o", own_library, "-k", 5000)
    assert "5,000 clusters were asked for; there are " in again.err


@pytest.mark.parametrize("option", [["--method", "ward"], ["--space", "map"], ["-k", "5"]])
def test_every_option_of_cluster_reaches_the_library(run, own_library, option):
    assert run("cluster", own_library, *option).code == 0
    name = {"-k": "n_clusters"}.get(option[0], option[0].removeprefix("--"))
    assert str(run("info", own_library, "--json").json["settings"][name]) == option[1]


def test_images_of_no_cluster_are_counted(run, own_library):
    document = run("cluster", own_library, "--method", "hdbscan", "--json").json
    library = lookalike.open(own_library)
    assert document["none"] == int((library.clusters == -1).sum())
    assert ("none" in run("cluster", own_library).out) == (document["none"] > 0)


def test_map_lays_out_again_and_draws(run, own_library, tmp_path):
    before = np.array(lookalike.open(own_library).layout)
    ended = run("map", own_library, "--projection", "tsne", "-o", tmp_path / "map.png", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {"library": str(own_library), "projection": "tsne", "path": str(tmp_path / "map.png")}
    assert not np.allclose(lookalike.open(own_library).layout, before)
    assert np.ptp(decode((tmp_path / "map.png").read_bytes())) > 100


def test_map_without_a_name_draws_beside_you(run, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("map", library).out == "drew photos-map.png\n"
    assert (tmp_path / "photos-map.png").is_file()


def test_map_compares_layouts_and_leaves_the_library_as_it_is(run, own_library, tmp_path):
    before = json.loads((own_library / "library.json").read_text())
    ended = run("map", own_library, "--compare", "pca,tsne", "-o", tmp_path / "both.png", "--json")
    assert (ended.code, ended.json["projection"]) == (0, ["pca", "tsne"])
    height, width, _ = decode((tmp_path / "both.png").read_bytes()).shape
    assert width > 300
    assert height > 100
    after = json.loads((own_library / "library.json").read_text())
    assert set(after["stages"]) - set(before["stages"]) == {"layout-tsne"}  # made once, and kept beside the map
    assert {name: after["stages"][name] for name in before["stages"]} == before["stages"]
    assert after["settings"] == before["settings"]


def test_clusters_are_edited_by_hand(run, own_library):
    def listed(*edit):
        ended = run("cluster", own_library, *edit, "--json")
        assert ended.code == 0, ended.err
        return {entry["cluster"]: entry["name"] for entry in ended.json["clusters"]}

    before = listed()
    assert listed("--rename", "1", "striped shirts")[1] == "striped shirts"
    assert set(listed("--merge", "1,0")) == {1, 2, 3}
    assert set(listed("--split", "2", "2")) == {1, 2, 3, 4}
    assert listed("-k", "5")[1] == "striped shirts"
    assert listed("--rename", "1", "other")[1] == "other"
    assert listed("--undo")[1] == "striped shirts"
    assert set(before.values()) == {f"cluster {number}" for number in range(4)}


@pytest.mark.parametrize("wrong", [("--merge", "1"), ("--merge", "1,a"), ("--undo", "-k", "3"), ("--split", "1", "x")])
def test_edits_that_are_no_edits(run, library, wrong):
    assert run("cluster", library, *wrong).code == 2


def test_map_takes_one_of_compare_and_projection(run, library):
    ended = run("map", library, "--compare", "pca", "--projection", "pca")
    assert (ended.code, "--compare" in ended.err) == (2, True)


@pytest.mark.parametrize("command", [["cluster"], ["map", "-o", "map.png"]])
def test_looking_is_possible_while_another_writes(run, own_library, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    with LibraryFolder(own_library).writing():
        assert run(command[0], own_library, *command[1:]).code == 0
