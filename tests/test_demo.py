"""The demo's pictures: the same for the same seed, lively, and told apart by shape rather than by colour."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lookalike.demo import FAMILIES, draw, draw_folder
from lookalike.errors import FolderError, SettingError

WRITER = """
import os
import numpy as np

def write_array(pixels, path):
    with open(path, "wb") as file:
        np.save(file, pixels)

def write_half(pixels, path):
    if "00001" in str(path):
        raise OSError("the disk is full")
    write_array(pixels, path)
"""


@pytest.fixture
def writer(tmp_path, monkeypatch):
    """A module with a writer that a worker process can import."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "array_writer.py").write_text(WRITER)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return "array_writer:write_array"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """Area-average a picture to a size that divides its own."""
    k = len(picture) // size
    return picture.reshape(size, k, size, k, 3).mean((1, 3))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_follows_from_family_seed_and_size(family):
    one, again, other = draw(family, 3, size=64), draw(family, 3, size=64), draw(family, 4, size=64)
    assert one.shape == (64, 64, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 8


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [32, 200])
def test_no_picture_is_flat_or_burnt_out(family, size):
    for seed in (0, 1):
        picture = draw(family, seed, size=size)
        assert picture.shape == (size, size, 3)
        assert picture.std((0, 1)).max() > 6
        assert (picture == 255).all(-1).mean() < 0.5
        assert (picture == 0).all(-1).mean() < 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_looks_alike_at_every_size(family):
    small, large = shrink(draw(family, 5, size=64), 16), shrink(draw(family, 5, size=256), 16)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.8


def shape_features(picture: np.ndarray) -> np.ndarray:
    """Colour-blind: where edges lie, how strong, in which direction, at two scales."""
    grey = picture.mean(2)
    grey = (grey - grey.mean()) / (grey.std() + 1)
    features = []
    for sigma in (0.7, 2.0):
        dy, dx = (ndimage.gaussian_filter(grey, sigma, order=o) for o in ((1, 0), (0, 1)))
        strength, angle = np.hypot(dx, dy), np.arctan2(dy, dx) % np.pi
        features += [
            np.quantile(strength, [0.25, 0.5, 0.75, 0.95]),
            strength.reshape(4, 16, 4, 16).mean((1, 3)).ravel(),
        ]
        features += [np.histogram(angle, 6, (0, np.pi), weights=strength)[0] / strength.sum() * 2]
    return np.concatenate(features)


def centroid_accuracy(features: np.ndarray, labels: np.ndarray, trained: np.ndarray) -> float:
    """Share of the untrained pictures whose nearest family mean is their own family's."""
    features = (features - features[trained].mean(0)) / features[trained].std(0)
    means = np.stack([features[trained & (labels == k)].mean(0) for k in range(len(FAMILIES))])
    nearest = ((features[~trained, None] - means) ** 2).sum(2).argmin(1)
    return float((nearest == labels[~trained]).mean())


def test_families_are_told_apart_by_shape_not_by_colour():
    each = 12
    pictures = [draw(family, seed, size=64) for family in FAMILIES for seed in range(each)]
    labels, trained = np.repeat(np.arange(len(FAMILIES)), each), np.tile(np.arange(each) % 2 == 0, len(FAMILIES))
    colour = centroid_accuracy(np.stack([p.mean((0, 1)) for p in pictures]), labels, trained)
    shape = centroid_accuracy(np.stack([shape_features(p) for p in pictures]), labels, trained)
    assert colour < 0.15  # by chance 0.03
    assert shape > 0.4


def test_a_folder_has_equal_shares_and_labels(tmp_path, writer):
    seen = []
    table = draw_folder(
        tmp_path / "a",
        images=len(FAMILIES) + 3,
        size=32,
        workers=2,
        write=writer,
        progress=lambda *step: seen.append(step),
    )
    assert list(table.columns) == ["file_name", "label"]
    assert table.label.value_counts().tolist() == [2] * 3 + [1] * (len(FAMILIES) - 3)
    assert sorted(contents(tmp_path / "a").keys() - {"demo.json"}) == table.file_name.tolist()
    assert all(re.fullmatch(rf"{label}/{label}-\d{{5}}\.jpg", name) for name, label in table.itertuples(index=False))
    assert seen == [("draw", k + 1, len(table)) for k in range(len(table))]


def test_workers_change_nothing_and_the_seed_everything(tmp_path, writer):
    settings = {"images": 7, "size": 32, "families": ["fish", "waves"], "write": writer}
    for name, workers, seed in (("one", 1, 2), ("two", 2, 2), ("other", 2, 3)):
        draw_folder(tmp_path / name, workers=workers, seed=seed, **settings)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())
    assert json.loads(one["demo.json"]) == {
        "format": "lookalike demo",
        "version": 1,
        "seed": 2,
        "size": 32,
        "images": 7,
        "families": ["fish", "waves"],
    }
    with open(tmp_path / "one" / "fish" / "fish-00003.jpg", "rb") as file:
        assert np.array_equal(np.load(file), draw("fish", 2_000_003, size=32))


def test_a_script_without_a_main_guard_may_draw(tmp_path, writer):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(tmp_path / 'modules')!r})\n"
        "from lookalike.demo import draw_folder\n"
        f"print(len(draw_folder('drawn', images=4, size=32, families=['sea'], workers=2, write={writer!r})))\n"
    )
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("4\n", "")
    assert len(list((tmp_path / "drawn" / "sea").iterdir())) == 4


def test_an_interrupted_folder_goes_on_and_rewrites_nothing(tmp_path, writer):
    settings = {"size": 32, "families": ["maze", "tree"], "workers": 2}
    whole, folder = tmp_path / "whole", tmp_path / "folder"
    draw_folder(whole, images=6, write=writer, **settings)
    with pytest.raises(FolderError, match="the disk is full"):
        draw_folder(folder, images=6, write="array_writer:write_half", **settings)
    before = [name for name in contents(folder) if name.endswith(".jpg")]
    assert 0 < len(before) < 6
    marked = folder / before[0]
    os.utime(marked, (1, 1))
    (folder / ".drawing-killed").mkdir()
    draw_folder(folder, images=6, write=writer, **settings)
    assert contents(folder) == contents(whole)
    assert marked.stat().st_mtime == 1
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"size": 40}, {"images": 4}, {"images": 9}, {"families": ["maze", "fish"]}]
)
def test_other_settings_are_drawn_anew_and_only_drawn_files_are_removed(tmp_path, writer, change):
    settings = {"images": 6, "size": 32, "families": ["maze", "tree"], "workers": 1, "write": writer}
    folder, fresh = tmp_path / "folder", tmp_path / "fresh"
    draw_folder(folder, **settings)
    kept = [folder / "tree" / "mine.jpg", folder / "notes.txt", folder / "maze" / "maze-00009.jpg"]
    for path in kept:
        path.write_text("mine")
    draw_folder(folder, **{**settings, **change})
    assert [path.read_text() for path in kept] == ["mine"] * 3
    for path in kept:
        path.unlink()
    draw_folder(fresh, **{**settings, **change})
    assert contents(folder) == contents(fresh)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"tree/tree-00000.jpg": "mine"}, r"pictures: .*demo\.json is missing.*choose another place"),
        ({"demo.json": "{}"}, r"demo\.json: damaged; choose another place"),
        ({"demo.json": "["}, r"demo\.json: damaged; choose another place"),
        (
            {"demo.json": '{"format": "x", "seed": 0, "size": 32, "images": 1, "families": ["tree"]}'},
            r"demo\.json: damaged",
        ),
        (
            {"demo.json": '{"format": "lookalike demo", "seed": 0, "size": 32, "images": 1, "families": ["../x"]}'},
            r"demo\.json: damaged",
        ),
    ],
)
def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, writer, files, words):
    folder = tmp_path / "pictures"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = contents(folder)
    with pytest.raises(FolderError, match=words):
        draw_folder(folder, write=writer, images=1, size=32, families=["tree"])
    assert contents(folder) == before


def test_a_file_in_the_folders_place_is_said(tmp_path, writer):
    (tmp_path / "pictures").write_text("mine")
    with pytest.raises(FolderError, match="choose another place"):
        draw_folder(tmp_path / "pictures", write=writer, images=1, size=32)
    assert (tmp_path / "pictures").read_text() == "mine"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"families": ["unicorn"]}, "unicorn"),
        ({"families": []}, "families"),
        ({"images": 0}, "images"),
        ({"size": 8}, "size"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
        ({"write": "array_writer:missing"}, "write"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, writer, setting, words):
    with pytest.raises(SettingError, match=words):
        draw_folder(tmp_path / "new", **{"write": writer, **setting})
    assert not (tmp_path / "new").exists()


def test_draw_refuses_what_it_does_not_know():
    for arguments in (("unicorn", 0, 64), ("fish", -1, 64), ("fish", 0, 5000)):
        with pytest.raises(SettingError):
            draw(arguments[0], arguments[1], size=arguments[2])
