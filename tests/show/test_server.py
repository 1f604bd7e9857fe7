"""The server: everything that the page does, over REST."""

import io
import json
import os
import random
import threading
import zipfile

import numpy as np
import pyarrow
import pytest

import lookalike
from lookalike.images import decode, encode_png
from lookalike.library import LibraryFolder


def arrow(answer):
    assert answer.status_code == 200, answer.text
    return pyarrow.ipc.open_stream(answer.content).read_pandas()


def test_the_points_are_the_library(client, library):
    points = arrow(client.get("/api/points"))
    images = library.images
    assert points["file_name"].tolist() == images["file_name"].tolist()
    assert points["label"].tolist() == images["label"].tolist()
    np.testing.assert_array_equal(points["cluster"], images["cluster"])
    np.testing.assert_allclose(points[["x", "y"]], images[["projection_x", "projection_y"]])
    assert sorted(points["rank"]) == list(range(len(images)))
    assert [str(points[name].dtype) for name in ("cluster", "width", "rank", "x")] == [
        "int32",
        "int32",
        "int32",
        "float32",
    ]


def test_what_a_browser_has_is_not_sent_again(client):
    tag = client.get("/api/points").headers["etag"]
    assert client.get("/api/points", headers={"If-None-Match": tag}).status_code == 304


def test_the_state_says_that_the_library_is_finished(client, library):
    state = client.get("/api/state").json()
    assert state["finished"]
    assert state["images"] == len(library.images)
    assert (state["skipped"], state["job"], state["name"]) == (1, None, "pictures")


def test_atlas_and_thumbnails_show_the_images(client, library):
    about = client.get("/api/library").json()
    tile, across = about["atlas"]["tile"], about["atlas"]["across"]
    sheet = decode(client.get("/api/atlas/0").content)
    points = arrow(client.get("/api/points"))
    thumbnails = arrow(client.get("/api/thumbnails", params={"rows": "3,0,7"}))
    assert thumbnails["row"].tolist() == [3, 0, 7]
    for row, jpeg in zip(thumbnails["row"], thumbnails["jpeg"], strict=True):
        line, column = divmod(points["rank"][row], across)
        there = sheet[line * tile : (line + 1) * tile, column * tile : (column + 1) * tile].mean((0, 1))
        assert jpeg == library.thumbnails.jpeg(int(library.slots[row]))
        np.testing.assert_allclose(there, library.thumbnail(row).mean((0, 1)), atol=12)
    assert (library.path / "working" / "sheets" / about["atlas"]["key"] / "000000.jpg").is_file()
    assert client.get("/api/atlas/1").status_code == 404


@pytest.mark.parametrize("rows", ["", "1,", "a", "-1", "1e3", ",".join("0" * 513), "٣"])
def test_rows_that_are_none_are_refused(client, rows):
    assert client.get("/api/thumbnails", params={"rows": rows}).status_code == 422


def test_an_image_its_preview_and_its_file(client, library):
    row = library.row("green/green03.png")
    known = client.get(f"/api/images/{row}").json()
    assert (known["file_name"], known["width"], known["height"]) == ("green/green03.png", 56, 40)
    assert decode(client.get(f"/api/images/{row}/preview").content).shape == (40, 56, 3)
    assert decode(client.get(f"/api/images/{row}/preview?size=28").content).shape == (20, 28, 3)
    file = client.get(f"/api/images/{row}/file")
    assert file.content == library.paths[row].read_bytes()
    assert file.headers["content-type"] == "image/png"
    assert "sandbox" in file.headers["content-security-policy"]
    assert client.get("/api/images/99999").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-999999999", 206, slice(None)),
        ("bytes=0-4,8-9", 206, slice(0, 5)),
        ("lines=0-4", 200, slice(None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-2", 416, None),
        ("bytes=a-b", 416, None),
        ("bytes=", 416, None),
    ],
)
def test_a_part_of_a_file(client, library, wanted, status, part):
    answer = client.get("/api/images/0/file", headers={"Range": wanted})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == library.paths[0].read_bytes()[part]


def test_matches_are_those_of_find(client, library):
    row = library.row("red/red05.png")
    found = client.get(f"/api/images/{row}/matches?n=5").json()
    expected = library.find(library.paths[row], 5)
    assert [match["file_name"] for match in found] == expected["file_name"].tolist()
    np.testing.assert_allclose([match["distance"] for match in found], expected["distance"], atol=1e-4)
    uploaded = client.post("/api/find?n=5", content=library.paths[row].read_bytes()).json()
    assert [match["row"] for match in uploaded] == [match["row"] for match in found]


def test_a_region_is_searched_with_that_region(client, library):
    row = library.row("blue/blue02.png")
    region = {"left": 0.5, "top": 0.0, "width": 0.5, "height": 0.5, "n": 6}
    pixels = decode(library.paths[row].read_bytes())[:20, 28:]
    expected = library.find(np.ascontiguousarray(pixels), 6)["file_name"].tolist()
    found = client.get(f"/api/images/{row}/matches", params=region).json()
    assert [match["file_name"] for match in found] == expected
    uploaded = client.post("/api/find", params=region, content=library.paths[row].read_bytes()).json()
    assert [match["file_name"] for match in uploaded] == expected


def test_uploads_that_are_no_pictures_are_refused_in_one_line(client, monkeypatch):
    assert client.post("/api/find", content=b"").json()["detail"] == "the file is empty"
    assert client.post("/api/find", content=b"hello").status_code == 422
    bomb = encode_png(np.zeros((8, 8), np.uint8)).replace(b"\0\0\0\x08\0\0\0\x08", b"\0\1\0\0\0\1\0\0")
    assert client.post("/api/find", content=bomb).status_code == 422
    monkeypatch.setattr("lookalike.show.server_finding.MOST_UPLOAD", 1000)
    assert client.post("/api/find", content=b"x" * 1001).status_code == 413
    monkeypatch.setattr("lookalike.show.server.MOST_JSON", 1000)
    assert client.post("/api/selections", json={"rows": list(range(1000))}).status_code == 413


def test_layouts_and_likeness(client, library):
    np.testing.assert_allclose(arrow(client.get("/api/layouts/pca")), np.array(library.layout), atol=1e-6)
    grid = arrow(client.get("/api/layouts/grid"))
    assert len(grid.drop_duplicates()) == len(library.images)
    assert client.get("/api/layouts/spiral").status_code == 404
    alike = arrow(client.get("/api/likeness"))
    rows, distances = library.neighbors
    np.testing.assert_array_equal(alike["nearest"], rows[:, 1])
    np.testing.assert_allclose(alike["strangeness"], distances[:, 1:11].mean(1), rtol=1e-5)


def test_another_model_of_the_same_images_has_other_neighbours(own, own_library):
    before = own.get("/api/likeness")
    curve = own.get("/api/modularity").json()
    lookalike.build(own_library.folder, own_library.path, model_settings={"dim": 2})
    after = own.get("/api/likeness", headers={"If-None-Match": before.headers["etag"]})
    distances = lookalike.open(own_library.path).neighbors[1]
    np.testing.assert_allclose(arrow(after)["strangeness"], distances[:, 1:11].mean(1), rtol=1e-5)
    assert own.get("/api/modularity").json() != curve


def test_it_follows_updates_that_others_make(own, own_library):
    """The working copy moves, also where the images stay the same: what is held of it must move along."""
    assert own.get("/api/atlas/0").status_code == 200
    n = own.get("/api/state").json()["images"]
    names = list(own_library.file_names)
    os.utime(own_library.folder / names[0])
    moved = lookalike.open(own_library.path)
    assert not moved.update().changed
    assert moved.working_copy != "working"
    assert own.get("/api/atlas/0").status_code == 200
    assert not (own_library.path / "working").exists()
    (own_library.folder / "again.png").write_bytes((own_library.folder / names[0]).read_bytes())
    assert moved.update().added == ["again.png"]
    assert own.get("/api/state").json()["images"] == n + 1
    for path in ("atlas/0", "modularity", "likeness", "layouts/grid", f"images/{n}/preview", "clusters"):
        assert own.get(f"/api/{path}").status_code == 200, path
    assert set(arrow(own.get("/api/thumbnails", params={"rows": f"0,{n}"}))["row"]) == {0, n}


def test_reconstructions_walks_training_and_scores(client, library):
    size = library.model.size
    assert decode(client.get("/api/images/0/reconstruction").content).shape == (size, 2 * size, 3)
    assert decode(client.get("/api/walk?first=0&second=9&steps=5").content).shape == (size, 5 * size, 3)
    assert client.get("/api/training").json()["decodes"] is True
    scores = client.get("/api/scores").json()["scores"]
    assert scores["classes"] == 4
    assert 0 <= scores["nmi"] <= 1


def test_clusters_are_listed_and_edited(own, own_library):
    before = own.get("/api/clusters").json()
    assert sum(entry["images"] for entry in before["clusters"]) == len(own_library.images)
    assert all(entry["typical"] for entry in before["clusters"])
    version = own.get("/api/state").json()["version"]
    renamed = own.patch("/api/clusters/1", json={"name": "mine"}, headers={"If-Match": f'"{version}"'})
    assert renamed.json()["version"] > version
    assert own.patch("/api/clusters/1", json={"name": "other"}, headers={"If-Match": str(version)}).status_code == 412
    assert own.post("/api/clusters/merge", json={"clusters": [1, 0]}).status_code == 200
    assert own.post("/api/clusters/1/split", json={"n_clusters": 2}).status_code == 200
    assert own.post("/api/clusters/move", json={"rows": [0, 1], "name": "two"}).json()["did"] == "moved 2 images"
    names = {entry["name"]: entry for entry in own.get("/api/clusters").json()["clusters"]}
    assert names["two"]["images"] == 2
    assert {"mine", "mine 2"} <= set(names)
    assert set(lookalike.open(own_library.path).cluster_names.values()) == set(names)
    assert own.post("/api/clusters", json={"n_clusters": 6}).status_code == 200
    again = {entry["name"]: entry["images"] for entry in own.get("/api/clusters").json()["clusters"]}
    assert len(again) == 6
    assert again["two"] == 2
    assert own.post("/api/clusters/release", json={"clusters": [names["two"]["cluster"]]}).status_code == 200
    assert own.post("/api/clusters/undo", json={}).json()["did"] == f"released {names['two']['cluster']}"
    assert own.post("/api/clusters/undo").status_code == 409
    assert own.patch("/api/clusters/77", json={"name": "x"}).status_code == 409


def test_an_edit_does_not_wait_for_a_layout(own, own_library):
    with own.app.state.served.working("project"):  # as while UMAP is computed
        assert own.patch("/api/clusters/1", json={"name": "mine"}).status_code == 200
        assert own.get("/api/state").json()["job"]["stage"] == "project"
    assert own.get("/api/state").json()["job"] is None
    assert own_library.refresh().cluster_names[1] == "mine"


def test_the_model_is_ready_before_it_is_asked_for(own):
    served = own.app.state.served
    served.warm()
    assert {"model", "alone"} <= vars(served.latest()).keys()


def test_edits_are_refused_while_another_process_writes(own, own_library):
    with LibraryFolder(own_library.path).writing():
        refused = own.patch("/api/clusters/1", json={"name": "mine"})
    assert refused.status_code == 409
    assert "another process" in refused.json()["detail"]


def test_changes_by_another_process_are_seen(own, own_library):
    lookalike.open(own_library.path).rename(0, "from elsewhere")
    assert "from elsewhere" in {entry["name"] for entry in own.get("/api/clusters").json()["clusters"]}


def test_a_selection_is_saved_as_it_is(client, library, tmp_path, monkeypatch):
    rows = [library.row("red/same.png"), library.row("blue/SAME.png"), library.row("sand/Same.png"), 5]
    name = client.post("/api/selections", json={"rows": rows}).json()["id"]
    expected = library.images.iloc[sorted(rows)]["file_name"].tolist()
    table = client.get(f"/api/selections/{name}.csv")
    assert [line.split(",")[0] for line in table.text.splitlines()[1:]] == expected
    lines = client.get(f"/api/selections/{name}.jsonl").text.splitlines()
    assert [json.loads(line)["file_name"] for line in lines] == expected
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/api/selections/{name}.zip").content))
    assert archive.testzip() is None
    assert [archive.read(entry) for entry in archive.namelist()] == [
        library.paths[row].read_bytes() for row in sorted(rows)
    ]
    assert len({entry.casefold() for entry in archive.namelist()}) == 4
    monkeypatch.chdir(tmp_path)
    linked = client.post(f"/api/selections/{name}/links", json={"name": "../my/ selection"}).json()
    assert linked["images"] == 4
    assert {os.readlink(link) for link in (tmp_path / "_my_ selection").iterdir()} <= {
        str(path) for path in library.paths
    }
    assert len(list(tmp_path.rglob("*"))) == 5
    assert client.post(f"/api/selections/{name}/links", json={"name": "../my/ selection"}).status_code == 409
    assert client.get(f"/api/selections/{'0' * 20}.csv").status_code == 404


def test_a_library_that_is_being_built_says_how_far_it_is(own, own_library):
    files = LibraryFolder(own_library.path)
    with files.writing():
        files.forget("map", "clusters")
    state = own.get("/api/state").json()
    assert not state["finished"]
    assert state["stages"] == {
        **dict.fromkeys(("images", "model", "embeddings", "index"), True),
        "map": False,
        "clusters": False,
    }
    points = arrow(own.get("/api/points"))
    assert "x" not in points
    assert (points["cluster"] == -1).all()
    assert own.get("/api/clusters").status_code == 409
    with files.writing():
        files.forget("images", "model", "embeddings", "index")
    assert own.get("/api/state").json()["images"] == 0
    for path in ("library", "points", "clusters", "atlas/0", "layouts/pca", "likeness", "images/0/matches", "training"):
        assert own.get(f"/api/{path}").status_code == 409, path


def test_many_at_once_get_what_they_asked_for(own, own_library):
    expected = {row: own_library.thumbnails.jpeg(int(own_library.slots[row])) for row in range(40)}
    failures = []

    def ask(seed):
        order = random.Random(seed)
        for _ in range(30):
            row = order.randrange(40)
            found = arrow(own.get(f"/api/thumbnails?rows={row}"))["jpeg"][0]
            if found != expected[row]:
                failures.append(row)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        assert own.patch("/api/clusters/0", json={"name": f"name {number}"}).status_code == 200
    for thread in threads:
        thread.join()
    assert not failures
