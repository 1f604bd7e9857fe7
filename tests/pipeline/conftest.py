import hashlib
import json

import numpy as np
import pytest

import lookalike

QUICK = {
    "model": "pixels",
    "model_settings": {"dim": 8, "size": 32},
    "projection": "pca",
    "space": "embedding",
    "n_clusters": 4,
}


@pytest.fixture(scope="session")
def quick():
    """Settings with which a build takes a second: nothing that learns, no t-SNE, no UMAP."""
    return QUICK


@pytest.fixture(scope="session")
def snapshot():
    """Everything about a folder's files that must not change: names, contents, times of change."""

    def take(folder):
        return {
            str(path.relative_to(folder)): (
                path.lstat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
            )
            for path in [folder, *sorted(folder.rglob("*"))]
        }

    return take


@pytest.fixture(scope="session")
def results():
    """All tables and arrays of a library by stage and name, as bytes: equal when the libraries are."""

    def read(library):
        header = json.loads((library / "library.json").read_text())
        return {
            f"{stage}/{name}/{file.name if file != library / place else ''}": _comparable(file)
            for stage, record in header["stages"].items()
            for name, place in record["files"].items()
            for file in (sorted((library / place).iterdir()) if (library / place).is_dir() else [library / place])
        }

    return read


def _comparable(file):
    if file.name == "model.json":  # tells how many seconds it took
        document = json.loads(file.read_text())
        document["facts"].pop("seconds", None)
        return json.dumps(document, sort_keys=True)
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def photos(tmp_path_factory, draw_folder):
    """A folder of 24 pictures in four sub-folders, with a broken one, a text, an empty one and an odd name. Shared."""
    folder = draw_folder(tmp_path_factory.mktemp("pictures") / "photos")
    good = (folder / "discs" / "000.png").read_bytes()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not really")
    (folder / "stripes" / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    (folder / "discs" / "größe №1 'of' \"all\" 猫.png").write_bytes((folder / "checks" / "001.png").read_bytes())
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory, photos):
    """The library of ``photos``. Shared: tests that change it build their own."""
    return lookalike.build(photos, tmp_path_factory.mktemp("libraries") / "photos.lookalike", **QUICK)


@pytest.fixture
def own(tmp_path, photos):
    """A library of ``photos`` for one test alone."""
    return lookalike.build(photos, tmp_path / "own.lookalike", **QUICK)


@pytest.fixture(scope="session")
def embeddings_of():
    return lambda library: np.array(library.embeddings)
