"""The maps of several models side by side."""

import numpy as np
import pandas as pd
import pytest

import lookalike
from lookalike.errors import SettingError
from lookalike.images import decode
from lookalike.pipeline import Comparison
from lookalike.show import draw_approaches
from lookalike.show.approaches import GAP, HEAD, LEGEND, PANEL
from lookalike.show.palette import PAPER, rgb


@pytest.fixture(scope="module")
def libraries(library, tmp_path_factory):
    """The shared library, and the same pictures seen by a model that keeps fewer numbers and finds three clusters."""
    other = lookalike.build(
        library.folder,
        tmp_path_factory.mktemp("approaches") / "other.lookalike",
        **{**library.settings.as_dict(), "n_clusters": 3, "model_settings": {"dim": 3}},
    )
    return {"pixels": library, "vae": other}


def comparison(libraries, labels, names=("pixels", "vae")):
    score = {"view_agreement": 0.5} if labels is None else {"precision_at_10": 0.5}
    table = pd.DataFrame([{"model": name, **score, "seconds": 1.0} for name in names])
    chosen = {name: libraries[list(libraries)[number % 2]] for number, name in enumerate(names)}
    skipped = pd.DataFrame(columns=["model", "reason"])
    folder = libraries["pixels"].folder
    return Comparison(folder, libraries["pixels"].path.parent, labels, chosen, table, skipped)


def panel(picture, number):
    left = GAP + number * (PANEL + GAP)
    return picture[HEAD : HEAD + PANEL, left : left + PANEL].reshape(-1, 3).astype(int)


def shades(pixels, n):
    """How many of the first colours are in a panel, where dots are opaque enough to come near them."""
    painted = np.array(PAPER) + 0.8 * (np.array([rgb(number) for number in range(n)]) - np.array(PAPER))
    return [bool((np.abs(pixels - colour).max(1) < 6).any()) for colour in painted]


def test_panels_have_the_colours_of_the_labels(libraries, tmp_path):
    path = tmp_path / "maps.png"
    assert draw_approaches(comparison(libraries, "folders"), path) == path
    picture = decode(path.read_bytes())
    assert picture.shape == (HEAD + PANEL + GAP, 2 * (PANEL + GAP) + GAP + LEGEND, 3)
    for number in (0, 1):
        assert shades(panel(picture, number), 5) == [True] * 4 + [False], "four sub-folders"
    assert not np.array_equal(panel(picture, 0), panel(picture, 1))
    assert (picture[:, -LEGEND:] != PAPER).any()


def test_without_labels_each_has_the_colours_of_its_own_clusters(libraries, tmp_path):
    picture = decode(draw_approaches(comparison(libraries, None), tmp_path / "maps.png").read_bytes())
    assert picture.shape[1] == 2 * (PANEL + GAP) + GAP
    assert shades(panel(picture, 0), 4) == [True] * 4
    assert shades(panel(picture, 1), 4) == [True] * 3 + [False]


def test_images_without_a_label_are_grey(libraries, tmp_path):
    names = libraries["pixels"].images["file_name"]
    table = pd.DataFrame({"file_name": names, "label": ["a", "b"] + [""] * (len(names) - 2)})
    table.to_csv(tmp_path / "truth.csv", index=False)
    picture = decode(draw_approaches(comparison(libraries, tmp_path / "truth.csv"), tmp_path / "maps.png").read_bytes())
    grey = np.array(PAPER) + 0.8 * (np.array(rgb(-1)) - np.array(PAPER))
    assert (np.abs(panel(picture, 0) - grey).max(1) < 6).sum() > 500
    assert shades(panel(picture, 0), 3) == [True, True, False]


def test_many_models_are_about_square(libraries, tmp_path):
    five = comparison(libraries, None, names=["a", "b", "c", "d", "e"])
    picture = decode(draw_approaches(five, tmp_path / "maps.webp").read_bytes())
    assert picture.shape[:2] == (2 * (HEAD + PANEL) + GAP, 3 * (PANEL + GAP) + GAP)
    assert np.abs(picture[HEAD + PANEL + HEAD :, -PANEL:] - np.array(PAPER)).max() < 4, "the sixth place is empty"


def test_places_that_cannot_be(libraries, tmp_path):
    for path in (tmp_path / "maps.gif", libraries["vae"].path / "maps.png", libraries["vae"].folder / "maps.png"):
        with pytest.raises(SettingError, match="maps"):
            draw_approaches(comparison(libraries, None), path)
        assert not path.exists()
