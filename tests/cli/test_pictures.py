"""``reconstruct``."""

import numpy as np
import pytest

from lookalike.images import decode, write_image


@pytest.mark.parametrize(
    ("arguments", "images"),
    [
        ([], 12),
        (["discs/000.png", "checks/003.png"], 2),
        (["--between", "discs/000.png", "checks/003.png"], 8),
        (["--sample", "5"], 5),
    ],
)
def test_it_draws_what_was_asked_for(run, library, tmp_path, arguments, images):
    path = tmp_path / "drawn.png"
    ended = run("reconstruct", library, *arguments, "-o", path, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {"library": str(library), "path": str(path), "images": images}
    assert np.ptp(decode(path.read_bytes())) > 100
    assert str(path) in run("reconstruct", library, *arguments, "-o", path).out


def test_another_seed_invents_other_images_and_the_same_one_the_same(run, library, tmp_path):
    drawn = []
    for number, seed in enumerate([1, 1, 2]):
        run("reconstruct", library, "--sample", 3, "--seed", seed, "-o", tmp_path / f"{number}.png")
        drawn.append((tmp_path / f"{number}.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_images_need_not_be_in_the_folder(run, library, pictures, tmp_path):
    write_image(pictures(1, size=50, seed=5)[0][1], tmp_path / "mine.png")
    assert run("reconstruct", library, tmp_path / "mine.png", "-o", tmp_path / "drawn.png").code == 0
    ended = run("reconstruct", library, tmp_path / "gone.png", "-o", tmp_path / "other.png")
    assert (ended.code, str(tmp_path / "gone.png") in ended.err) == (1, True)
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize("more", [["a.png"], ["--between", "a.png", "b.png"]])
def test_it_takes_one_kind_at_a_time(run, library, tmp_path, more):
    ended = run("reconstruct", library, "--sample", "3", *more, "-o", tmp_path / "drawn.png")
    assert (ended.code, "--sample" in ended.err) == (2, True)


def test_it_writes_nothing_into_the_folder_of_pictures(run, library, folder):
    ended = run("reconstruct", library, "-o", folder / "drawn.png")
    assert ended.code == 1
    assert not (folder / "drawn.png").exists()
