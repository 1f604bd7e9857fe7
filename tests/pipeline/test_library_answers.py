"""What a built library answers: images, matches, clusters, map, scores; and what an unfinished one says."""

import io

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike import metrics
from lookalike.errors import ImageError, LibraryBusyError, LibraryError, SettingError
from lookalike.images import decode, encode_jpeg
from lookalike.library import LibraryFolder
from lookalike.pipeline.labels import labels_from
from lookalike.search import ExactIndex


def query_of(photos, name="checks/003.png"):
    return photos / name


def turned(picture, orientation=6):
    """A file of the picture that lies on its side and says so in its EXIF block."""
    turns = {6: 1, 3: 2, 8: 3}  # quarters to the left, which obeying the orientation undoes
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00" + orientation.to_bytes(2, "little") + b"\x00\x00"
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00\x00\x00\x00"
    jpeg = encode_jpeg(np.ascontiguousarray(np.rot90(picture, turns[orientation])), 95)
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def test_the_table_of_images(library, photos):
    table = library.images
    assert list(table.columns) == [
        "file_name", "width", "height", "label", "cluster", "cluster_name", "projection_x", "projection_y", "embedding",
    ]  # fmt: skip
    assert list(table["file_name"]) == sorted(table["file_name"], key=str.encode)
    assert set(table["width"]) == {52}
    assert set(table["height"]) == {40}
    assert list(table["label"]) == [name.split("/")[0] for name in table["file_name"]]
    assert set(table["cluster"]) == {0, 1, 2, 3}
    assert set(table["cluster_name"]) == {f"cluster {number}" for number in range(4)}
    assert np.array_equal(np.stack(list(table["embedding"])), library.embeddings)
    assert np.array_equal(table[["projection_x", "projection_y"]].to_numpy(), library.layout)
    assert library.embeddings.dtype == library.layout.dtype == np.float32
    assert library.embeddings.shape == (25, 8)


def test_opened_again_it_is_the_same(library):
    opened = lookalike.open(library.path)
    pd.testing.assert_frame_equal(opened.images, library.images)
    pd.testing.assert_frame_equal(opened.skipped, library.skipped)
    assert opened.info() == library.info()
    assert opened.settings == library.settings
    assert repr(opened) == f"<Library {library.path}>"


def test_an_image_of_the_folder_finds_itself(library, photos):
    for row, name in enumerate(library.images["file_name"]):
        found = library.find(photos / name, n=3)
        assert list(found.columns) == ["rank", "file_name", "distance", "cluster"]
        assert list(found["rank"]) == [1, 2, 3]
        assert found["distance"][0] == pytest.approx(0, abs=2e-3)
        assert found["distance"].is_monotonic_increasing
        twins = {"checks/001.png", "discs/größe №1 'of' \"all\" 猫.png"}  # the same picture under two names
        assert found["file_name"][0] == name or {found["file_name"][0], name} == twins
        assert found["cluster"][0] == library.clusters[row]


def test_distances_are_between_the_exported_embeddings(library, photos):
    found = library.find(query_of(photos), n=25)
    embedding = library.encode(query_of(photos))[0]
    expected = np.sort(np.linalg.norm(np.array(library.embeddings) - embedding, axis=1))
    np.testing.assert_allclose(found["distance"], expected, atol=1e-5)


def test_every_kind_of_query_finds_the_same(library, photos):
    path = query_of(photos)
    data = path.read_bytes()
    expected = library.find(path, 5)
    for query in (str(path), data, io.BytesIO(data), decode(data)):
        pd.testing.assert_frame_equal(library.find(query, 5), expected, atol=1e-3)  # batches round differently


def test_a_picture_from_outside_finds_its_like(library, draw_folder, tmp_path):
    outside = draw_folder(tmp_path / "other", 1, seed=99)
    for family in ("discs", "stripes", "checks", "slopes"):
        found = library.find(outside / family / "000.png", 3)
        assert found["distance"][0] > 0.01
        assert found["distance"][2] < 2


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_copy_that_lies_on_its_side_finds_the_original_first(library, photos, tmp_path, orientation):
    picture = decode(query_of(photos, "discs/002.png").read_bytes())
    (tmp_path / "turned.jpg").write_bytes(turned(picture, orientation))
    found = library.find(tmp_path / "turned.jpg", 2)
    assert found["file_name"][0] == "discs/002.png"
    assert found["distance"][0] < 0.5 * found["distance"][1]


def test_several_queries_in_one_table(library, photos):
    queries = [query_of(photos), query_of(photos, "discs/000.png")]
    table = library.find(queries, 4)
    assert list(table["query"]) == [0] * 4 + [1] * 4
    for number, query in enumerate(queries):
        part = table[table["query"] == number].drop(columns="query").reset_index(drop=True)
        alone = library.find(query, 4)
        pd.testing.assert_frame_equal(part, alone, atol=1e-3)


def test_more_than_there_are(library, photos):
    assert len(library.find(query_of(photos), 1000)) == 25


def test_queries_that_cannot_be(library, photos):
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        library.find(photos / "broken.jpg")
    with pytest.raises(ImageError, match=r"nowhere\.jpg"):
        library.find("nowhere.jpg")
    with pytest.raises(SettingError, match="n is 0"):
        library.find(query_of(photos), 0)
    with pytest.raises(SettingError, match="empty list"):
        library.find([])
    with pytest.raises(SettingError, match="expected uint8"):
        library.find(np.zeros((4, 4)))


def test_rows_by_name(library):
    assert library.images["file_name"][library.row("discs/000.png")] == "discs/000.png"
    with pytest.raises(SettingError, match=r"'x\.png' is not in .*names are relative to"):
        library.row("x.png")


def test_pixels_and_thumbnails(library, photos):
    row = library.row("discs/000.png")
    assert library.pixels([row, 0]).shape == (2, 32, 32, 3)
    seen = library.model.encode(library.pixels([row]))
    assert np.array_equal(library.encode(query_of(photos, "discs/000.png")), library.averaged(seen))
    assert library.thumbnail(row).shape == (40, 52, 3)


def test_clustered_again(own, photos):
    embeddings, layout = np.array(own.embeddings), np.array(own.layout)
    assert own.cluster(n_clusters=2) is own
    assert set(own.images["cluster"]) == {0, 1}
    again = lookalike.open(own.path)
    assert np.array_equal(again.clusters, own.clusters)
    assert again.settings.n_clusters == 2
    assert np.array_equal(again.embeddings, embeddings)
    assert np.array_equal(again.layout, layout)
    own.cluster(n_clusters=3, method="ward", space="map")
    facts = own.info()["stages"]["clusters"]
    assert (facts["method"], facts["space"], facts["n_clusters"]) == ("ward", "map", 3)
    own.cluster(n_clusters=1000)
    assert len(set(own.clusters)) >= 24  # every image on its own, but maybe for the two that are the same
    with pytest.raises(SettingError, match="unknown setting 'k'; there are n_clusters, method, space"):
        own.cluster(k=3)


def test_none_is_the_name_of_no_cluster(own):
    own.cluster(method="hdbscan", n_clusters="auto")
    table = own.images
    assert set(table["cluster_name"][table["cluster"] == -1]) <= {"none"}
    assert all(table["cluster_name"][table["cluster"] >= 0].str.startswith("cluster "))


def test_laid_out_again(own):
    before, clusters = np.array(own.layout), own.clusters
    assert own.map("tsne") is own
    assert own.layout.shape == (25, 2)
    assert not np.allclose(own.layout, before)
    assert np.array_equal(lookalike.open(own.path).layout, own.layout)
    assert np.array_equal(own.clusters, clusters)
    own.map("pca")
    assert np.array_equal(own.layout, before)
    np.testing.assert_allclose(own.project("pca"), before, atol=1e-5)
    with pytest.raises(SettingError, match="projection='lda'"):
        own.map("lda")


def test_the_talks_way(own):
    """t-SNE first, then k-means on the map."""
    own.map("tsne").cluster(space="map", method="kmeans", n_clusters=4)
    assert len(set(own.clusters)) == 4
    within = [
        np.linalg.norm(own.layout[own.clusters == number] - own.layout[own.clusters == number].mean(0), axis=1)
        for number in range(4)
    ]
    assert np.concatenate(within).mean() < 0.75 * np.linalg.norm(own.layout - own.layout.mean(0), axis=1).mean()


def test_scores_are_those_computed_by_hand(library):
    labels = pd.factorize(library.images["label"])[0]
    scores = library.evaluate()
    assert (scores["images"], scores["classes"], scores["clusters"]) == (25, 4, 4)
    assert scores["acc"] == metrics.clustering_accuracy(library.clusters, labels)
    assert scores["nmi"] == metrics.normalized_mutual_information(library.clusters, labels)
    assert scores["ari"] == metrics.adjusted_rand_index(library.clusters, labels)
    embeddings = np.array(library.embeddings, float)
    distances = np.linalg.norm(embeddings[:, None] - embeddings, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(1)
    assert scores["precision_at_10"] == pytest.approx((labels[nearest[:, :10]] == labels[:, None]).mean())
    assert scores["knn_accuracy"] == pytest.approx((labels[nearest[:, 0]] == labels).mean())
    assert scores["ami"] == metrics.adjusted_mutual_information(library.clusters, labels)
    alike = (labels[nearest[:, :10]] == labels[:, None]).sum(1)
    assert scores["recall_at_10"] == pytest.approx((alike / (np.bincount(labels)[labels] - 1)).mean())
    votes = [np.bincount(labels[row[:10]], minlength=4) for row in nearest]
    most = [
        next(labels[i] for i in row if count[labels[i]] == count.max())
        for count, row in zip(votes, nearest, strict=True)
    ]
    assert scores["knn_accuracy_10"] == pytest.approx((np.array(most) == labels).mean())
    assert scores["knn_accuracy_10"] != scores["knn_accuracy"]
    precisions = []
    for row, away in enumerate(distances.round(9)):
        alike = np.flatnonzero((labels == labels[row]) & (np.arange(25) != row))
        precisions.append(np.mean([(away[alike] <= away[i]).sum() / (away <= away[i]).sum() for i in alike]))
    assert scores["map"] == pytest.approx(np.mean(precisions))


def test_labels_are_the_first_sub_folder_or_the_innermost(library):
    names = ["train/cats/1.jpg", "train/dogs/wild/2.jpg", "odd/3.jpg", "4.jpg"]
    assert labels_from("folders", names).tolist() == ["train", "train", "odd", None]
    assert labels_from("innermost", names).tolist() == ["cats", "wild", "odd", None]
    assert library.evaluate("innermost") == library.evaluate("folders"), "of folders that hold no others"


def test_labels_between_semicolons_and_two_labels_for_one_image(library, tmp_path):
    names = library.images["file_name"]
    file = tmp_path / "labels.csv"
    truth = pd.DataFrame({"file_name": names, "label": [name.split("/")[0] for name in names]})
    pd.concat([truth, truth]).to_csv(file, index=False, sep=";")  # the same twice is no contradiction
    assert library.evaluate(file) == library.evaluate("folders")
    pd.concat(
        [truth, truth.assign(label=""), pd.DataFrame({"file_name": ["gone.jpg"] * 2, "label": ["a", "b,c"]})]
    ).to_csv(file, index=False, sep=";")
    assert library.evaluate(file) == library.evaluate("folders")
    truth.assign(label="another").iloc[:2].to_csv(file, index=False)
    truth.to_csv(file, index=False, header=False, mode="a")
    with pytest.raises(SettingError, match=r"gives '.+' two labels, 'another' and '.+' \(and 1 more"):
        library.evaluate(file)


def test_labels_from_a_csv(library, tmp_path):
    names = library.images["file_name"]
    file = tmp_path / "labels.csv"
    truth = pd.DataFrame({"file_name": names, "label": [name.split("/")[0] for name in names]})
    truth.to_csv(file, index=False)
    assert library.evaluate(file) == library.evaluate("folders") == library.evaluate(str(file))
    half = truth.copy()
    half.loc[::2, "label"] = ""
    half.to_csv(file, index=False)
    scores = library.evaluate(file)
    assert scores["images"] == 12
    embeddings, codes = np.array(library.embeddings), pd.factorize(half["label"].replace("", None))[0]
    among_all, alone = (ExactIndex(points).neighbors(11)[0] for points in (embeddings, embeddings[1::2]))
    assert scores["recall_at_10"] == metrics.recall_at(among_all, codes, 10) < metrics.recall_at(alone, codes[1::2], 10)
    truth.iloc[:10].rename(columns={"label": "species"})[["species", "file_name"]].iloc[:, ::-1].to_csv(
        file, index=False
    )
    assert library.evaluate(file)["images"] == 10


def test_labels_that_cannot_be(library, tmp_path):
    file = tmp_path / "labels.csv"
    cases = {
        "name,kind\na,b\n": "needs the columns file_name and label; it has name, kind",
        "file_name\na\n": "needs the columns file_name and label; it has file_name",
        "file_name,label\nother.png,a\n": "no file_name in .* is an image of the library",
        "file_name,label\ndiscs/000.png,a\ndiscs/001.png,a\n": "gives one label for these",
        "": "cannot be read as CSV",
    }
    for text, message in cases.items():
        file.write_text(text)
        with pytest.raises(SettingError, match=message):
            library.evaluate(file)
    with pytest.raises(SettingError, match=r"missing\.csv.*is missing"):
        library.evaluate("missing.csv")


def test_a_flat_folder_has_no_labels(tmp_path, photos, quick):
    library = lookalike.build(photos / "discs", tmp_path / "b.lookalike", **quick)
    assert library.images["label"].isna().all()
    with pytest.raises(SettingError, match="no label, for the images lie in no sub-folders; name a CSV"):
        library.evaluate()


def test_typical_images_come_from_their_cluster(library):
    for cluster, rows in library.typical(3).items():
        assert 1 <= len(rows) <= 3
        assert set(library.clusters[rows]) == {cluster}


def test_reconstructions_walks_and_inventions(library, photos):
    one, other = query_of(photos), query_of(photos, "discs/000.png")
    seen, made = library.reconstruct([one, other])
    assert seen.shape == made.shape == (2, 32, 32, 3)
    assert np.square(seen.astype(float) - made).mean() < 0.5 * seen.astype(float).var()
    walk = library.between(one, other, steps=5)
    assert walk.shape == (5, 32, 32, 3)
    np.testing.assert_allclose(walk[[0, -1]].astype(int), made.astype(int), atol=2)
    assert library.sample(3).shape == (3, 32, 32, 3)
    assert not np.array_equal(library.sample(3), library.sample(3, seed=1))
    with pytest.raises(SettingError, match="steps=1 must be at least 2"):
        library.between(one, other, steps=1)


def test_an_unfinished_library_shows_what_is_finished(tmp_path, photos, quick):
    def stop(stage, done, total, note=""):
        if stage == "embed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lookalike.build(photos, tmp_path / "b.lookalike", **quick, progress=stop)
    library = lookalike.open(tmp_path / "b.lookalike")
    assert not library.info()["finished"]
    assert not library.info()["busy"]
    with pytest.raises(LibraryError, match=r"embeddings is missing\); `lookalike build .+` goes on"):
        library.embeddings  # noqa: B018
    with LibraryFolder(library.path).writing():
        assert library.info()["busy"]
        with pytest.raises(LibraryError, match="it is being written to, wait"):
            library.embeddings  # noqa: B018
    assert list(library.images.columns) == ["file_name", "width", "height", "label"]
    assert len(library.skipped) == 3
    assert library.reconstruct(query_of(photos))[1].shape == (1, 32, 32, 3)
    assert library.seconds().keys() == {"scan", "decode", "train", "total"}
    for answer in (
        lambda: library.find(query_of(photos)),
        lambda: library.clusters,
        lambda: library.layout,
        library.evaluate,
        library.summary,
        lambda: library.cluster(n_clusters=2),
        lambda: library.map("pca"),
    ):
        with pytest.raises(LibraryError, match="`lookalike build"):
            answer()
    finished = lookalike.build(photos, tmp_path / "b.lookalike")
    assert len(finished.find(query_of(photos))) == 10


def test_a_library_that_is_being_written_is_not_changed(own):
    with LibraryFolder(own.path).writing(), pytest.raises(LibraryBusyError):
        own.cluster(n_clusters=2)


def test_no_library_at_all(tmp_path):
    with pytest.raises(LibraryError, match="is not a library"):
        lookalike.open(tmp_path)


def test_a_library_with_a_strangers_model_does_no_harm(own, photos):
    place = own.path / own._files.header["stages"]["model"]["files"]["model"]
    (place / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(lookalike.ModelError, match="no usable model"):
        lookalike.open(own.path).find(query_of(photos).read_bytes())


def test_an_image_of_the_library_is_found_without_the_model(own, photos, monkeypatch):
    monkeypatch.setattr(type(own), "model", property(lambda _: pytest.fail("the model was loaded")))
    monkeypatch.chdir(photos)
    name = "discs/größe №1 'of' \"all\" 猫.png"
    expected = np.linalg.norm(own.embeddings - own.embeddings[own.row(name)], axis=1)
    for query in (photos / name, str(photos / name), name, photos / "discs" / ".." / name):
        found = own.find(query, 25)
        assert found["distance"][0] == 0
        np.testing.assert_allclose(found["distance"], np.sort(expected), atol=1e-6)
    photos.parent.joinpath("gone").mkdir()
    monkeypatch.chdir(photos.parent / "gone")
    assert own.find(name)["distance"][0] == 0  # no such file here: the name is meant
    photos.parent.joinpath("gone").rmdir()


def test_a_picture_that_was_changed_since_is_looked_at_again(tmp_path, draw_folder, quick):
    folder = draw_folder(tmp_path / "photos", 2)
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    (folder / "discs" / "000.png").write_bytes((folder / "checks" / "001.png").read_bytes())
    assert library.find(folder / "discs" / "000.png", 1)["file_name"][0] == "checks/001.png"
    (folder / "new.png").write_bytes((folder / "stripes" / "001.png").read_bytes())
    found = library.find([folder / "new.png", "slopes/000.png", folder / "checks" / "000.png"], 1)
    (folder / "slopes" / "000.png").unlink()
    assert list(found["file_name"]) == ["stripes/001.png", "slopes/000.png", "checks/000.png"]
    assert library.find("slopes/000.png", 1)["file_name"][0] == "slopes/000.png"


def test_a_library_without_its_folder_still_answers(tmp_path, draw_folder, quick):
    folder = draw_folder(tmp_path / "photos", 2)
    library = lookalike.build(folder, tmp_path / "b.lookalike", **quick)
    folder.rename(tmp_path / "elsewhere")
    opened = lookalike.open(library.path)
    assert opened.find(tmp_path / "elsewhere" / "discs" / "000.png", 1)["file_name"][0] == "discs/000.png"
    assert opened.cluster(n_clusters=2).clusters.max() == 1
