"""One small library for all tests of this folder, of pictures drawn here, with names that are hard on HTML and CSV."""

import numpy as np
import pytest

import lookalike
from lookalike.images import encode_png
from lookalike.show import make_app

HOSTILE = "<img src=x onerror=alert(1)>.png"
AWKWARD = 'a "quoted", name\nin two lines\r é Ω.png'
COLOURS = {"blue": (20, 60, 200), "green": (30, 160, 60), "red": (200, 30, 30), "sand": (230, 200, 120)}


def drawn(colour, number):
    """A disc of a colour on white, of a place and a size that depend on the number: uint8 (40, 56, 3)."""
    lines, columns = np.mgrid[:40, :56]
    inside = np.hypot(lines - 14 - number % 12, columns - 18 - 2 * number % 20) < 8 + number % 5
    return np.where(inside[..., None], np.array(colour, np.uint8), np.uint8(255)).astype(np.uint8)


def make_folder(folder):
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            (folder / name / f"{name}{number:02}.png").write_bytes(encode_png(drawn(colour, number)))
    (folder / "red" / HOSTILE).write_bytes(encode_png(drawn(COLOURS["red"], 20)))
    (folder / "blue" / AWKWARD).write_bytes(encode_png(drawn(COLOURS["blue"], 21)))
    (folder / "red" / "same.png").write_bytes(encode_png(drawn(COLOURS["red"], 22)))
    (folder / "blue" / "SAME.png").write_bytes(encode_png(drawn(COLOURS["blue"], 23)))
    (folder / "sand" / "Same.png").write_bytes(encode_png(drawn(COLOURS["sand"], 24)))
    (folder / "broken <b>.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


SETTINGS = {"model": "pixels", "projection": "pca", "space": "embedding", "n_clusters": 4, "model_settings": {"dim": 8}}


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    place = tmp_path_factory.mktemp("show")
    return lookalike.build(make_folder(place / "pictures"), place / "pictures.lookalike", **SETTINGS)


@pytest.fixture
def own_library(tmp_path):
    """A library that a test may change."""
    return lookalike.build(make_folder(tmp_path / "pictures"), tmp_path / "pictures.lookalike", **SETTINGS)


@pytest.fixture(scope="session")
def odd_names():
    """File names of the library that HTML and CSV have to be careful with."""
    return [f"red/{HOSTILE}", f"blue/{AWKWARD}"]


@pytest.fixture(scope="session")
def client_of():
    """Makes a client of the server of a library; tests of the server are skipped where FastAPI cannot be tested."""
    testing = pytest.importorskip("fastapi.testclient")
    return lambda library, **options: testing.TestClient(make_app(library, **options), base_url="http://127.0.0.1:8765")


@pytest.fixture(scope="module")
def client(client_of, library):
    return client_of(library)


@pytest.fixture
def own(client_of, own_library):
    """A client of the library that a test may change."""
    return client_of(own_library)
