"""The working copy: every candidate once, the same whatever the number of workers, and never lost."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from lookalike.errors import LibraryError, SettingError
from lookalike.images import Pixels, Thumbnails, decode, decode_folder, scan
from lookalike.images.folder import Recipe, decode_by
from lookalike.images.shards import SHARD

COLUMNS = ("file_name", "path", "bytes", "mtime_ns", "content_hash", "width", "height", "slot")

pytestmark = pytest.mark.filterwarnings("error")


def contents(folder):
    """Every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_rows_pixels_and_thumbnails_belong_together(folder_of, tmp_path):
    folder, candidates = folder_of(5)
    (folder / "0002.jpg").write_text("no picture")
    candidates = scan(folder).candidates
    images, skipped = decode_folder(folder, candidates, tmp_path / "copy", size=16, workers=1)
    assert tuple(images.columns) == COLUMNS
    assert images["slot"].tolist() == [0, 1, 3, 4]
    assert skipped.to_dict("records") == [
        {"file_name": "0002.jpg", "reason": "not a picture that can be read (cannot identify the format)"}
    ]
    pixels, thumbnails = Pixels(tmp_path / "copy"), Thumbnails(tmp_path / "copy")
    assert (len(pixels), pixels.shape, len(thumbnails)) == (5, (5, 16, 16, 3), 5)
    for row in images.itertuples():
        data = (folder / row.file_name).read_bytes()
        assert (row.width, row.height, row.bytes) == (90, 60, len(data))
        assert row.content_hash == hashlib.sha256(data).hexdigest()[:32]
        thumbnail = thumbnails.array(row.slot)
        assert thumbnail.shape == (60, 90, 3)
        assert np.abs(thumbnail.astype(int) - decode(data)).mean() < 5
        assert np.array_equal(decode(thumbnails.jpeg(row.slot)), thumbnail)
    assert not pixels[2].any()
    with pytest.raises(LibraryError, match=r"Slot 2 .* was skipped"):
        thumbnails.jpeg(2)
    with pytest.raises(LibraryError, match=r"Slot 5 .*expected 0 to 4"):
        thumbnails.jpeg(5)


def test_thumbnails_of_large_pictures_are_128_pixels_long(tmp_path, photo, encode):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode(photo.repeat(9, axis=0).repeat(9, axis=1), "PNG"))
    decode_folder(folder, scan(folder).candidates, tmp_path / "copy", size=8, workers=1)
    assert Thumbnails(tmp_path / "copy").array(0).shape == (85, 128, 3)


def test_pixels_are_indexed_like_an_array(folder_of, tmp_path):
    folder, candidates = folder_of(6)
    decode_folder(folder, candidates, tmp_path / "copy", size=8, workers=1)
    pixels = Pixels(tmp_path / "copy")
    everything = pixels[:]
    assert everything.shape == (6, 8, 8, 3)
    assert np.array_equal(pixels[np.array([4, 0, 4])], everything[[4, 0, 4]])
    assert np.array_equal(pixels[[1]], everything[1:2])
    assert np.array_equal(pixels[1:5:2], everything[1:5:2])
    with pytest.raises(ValueError, match="read-only"):
        everything[0, 0, 0, 0] = 1


def test_one_worker_and_two_give_the_same_files_and_leave_the_folder_alone(folder_of, tmp_path):
    folder, candidates = folder_of(300)
    before = contents(folder)
    tables = []
    for workers in (1, 2):
        calls = []
        tables.append(
            decode_folder(
                folder,
                candidates,
                tmp_path / str(workers),
                size=8,
                workers=workers,
                progress=lambda stage, done, total, calls=calls: calls.append((stage, done, total)),
            )
        )
        assert calls[-1] == ("decode", 300, 300)
        assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert tables[0][0].equals(tables[1][0])
    assert contents(folder) == before


def test_nothing_to_decode(tmp_path):
    (tmp_path / "photos").mkdir()
    images, skipped = decode_folder(tmp_path / "photos", scan(tmp_path / "photos").candidates, tmp_path / "c", size=8)
    assert (len(images), len(skipped), Pixels(tmp_path / "c").shape) == (0, 0, (0, 8, 8, 3))


def test_a_file_that_changed_or_vanished_since_the_scan(folder_of, tmp_path, photo, encode):
    folder, candidates = folder_of(3)
    (folder / "0000.jpg").unlink()
    (folder / "0001.jpg").write_bytes(encode(photo[:10], "JPEG"))
    images, skipped = decode_folder(folder, candidates, tmp_path / "copy", size=8, workers=1)
    assert skipped["reason"].tolist() == ["the file is not there (any more)"]
    changed = images.iloc[0]
    state = (folder / "0001.jpg").stat()
    assert (changed["height"], changed["bytes"], changed["mtime_ns"]) == (10, state.st_size, state.st_mtime_ns)


def shard_states(copy):
    return {p.name: p.stat().st_ino for p in (copy / "shards").iterdir()}


def test_finished_shards_are_kept_and_others_start_over(folder_of, tmp_path):
    folder, candidates = folder_of(260)
    copy = tmp_path / "copy"
    first, _ = decode_folder(folder, candidates, copy, size=8)
    before, files = shard_states(copy), contents(copy)
    assert decode_folder(folder, candidates, copy, size=8)[0].equals(first)
    assert shard_states(copy) == before
    (copy / "shards" / "000001.json").unlink()
    assert decode_folder(folder, candidates, copy, size=8)[0].equals(first)
    assert shard_states(copy)["000000.json"] == before["000000.json"]
    assert contents(copy) == files
    shutil.rmtree(copy / "thumbnails")
    decode_folder(folder, candidates, copy, size=8)
    assert contents(copy) == files
    (copy / "pixels.u8").unlink()
    decode_folder(folder, candidates, copy, size=8)
    assert contents(copy) == files


@pytest.mark.parametrize("change", ["size", "fit", "candidates"])
def test_another_setting_or_folder_starts_over(folder_of, tmp_path, change):
    folder, candidates = folder_of(3)
    settings = {"size": 8, "fit": "squash"}
    decode_folder(folder, candidates, tmp_path / "copy", **settings, workers=1)
    before = contents(tmp_path / "copy")
    if change == "candidates":
        candidates = candidates.iloc[1:].reset_index(drop=True)
    else:
        settings[change] = {"size": 9, "fit": "pad"}[change]
    images, _ = decode_folder(folder, candidates, tmp_path / "copy", **settings, workers=1)
    assert len(images) == len(candidates)
    assert contents(tmp_path / "copy")["pixels.u8"] != before["pixels.u8"]
    fresh = tmp_path / "fresh"
    decode_folder(folder, candidates, fresh, **settings, workers=1)
    assert contents(tmp_path / "copy") == contents(fresh)


def test_readers_of_a_working_copy_that_is_made_anew_keep_theirs(folder_of, tmp_path):
    folder, candidates = folder_of(257)
    copy = tmp_path / "copy"
    decode_folder(folder, candidates, copy, size=8)
    pixels, thumbnails = Pixels(copy), Thumbnails(copy)
    before, seen = pixels[:].copy(), thumbnails.jpeg(0)
    decode_folder(folder, candidates.iloc[255:0:-1].reset_index(drop=True), copy, size=4)
    assert np.array_equal(pixels[:], before)
    assert thumbnails.jpeg(0) == seen
    with pytest.raises(LibraryError):
        thumbnails.jpeg(256)
    stale = Thumbnails(copy)
    decode_folder(folder, candidates, copy, size=8)
    with pytest.raises(LibraryError, match="made anew by another build"):
        stale.jpeg(0)


WAITING_DECODER = """
import time
from pathlib import Path
from lookalike.images.prepare import prepare

def decode(data, *, size, fit):
    while data.endswith(b"wait") and Path(__file__).with_name("wait").exists():
        time.sleep(0.01)
    return prepare(data, size=size, fit=fit)
"""
RUN = """
import sys
from lookalike.images import scan
from lookalike.images.folder import Recipe, decode_by
folder, copy = sys.argv[1:]
decode_by(Recipe(8, decoder="waiting_decoder:decode"), folder, scan(folder).candidates, copy, workers=2)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_it_goes_on(folder_of, tmp_path, monkeypatch, how):
    folder, _ = folder_of(2 * SHARD + 8)
    for name in (f"{SHARD + 44:04}.jpg", f"{2 * SHARD + 3:04}.jpg"):  # the second and the third shard stop there
        (folder / name).write_bytes((folder / name).read_bytes() + b"wait")
    (tmp_path / "waiting_decoder.py").write_text(WAITING_DECODER)
    (tmp_path / "wait").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    copy = tmp_path / "copy"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", RUN, str(folder), str(copy)]
    run = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE)
    while not (copy / "shards" / "000000.json").exists() and run.poll() is None:
        time.sleep(0.01)
    workers = psutil.Process(run.pid).children()
    assert len(workers) == 2
    os.kill(run.pid, how) if how == signal.SIGKILL else os.killpg(run.pid, how)
    _, complaint = run.communicate()
    _, orphans = psutil.wait_procs(workers, timeout=30)
    assert not orphans
    assert how == signal.SIGKILL or complaint.rstrip().endswith(b"KeyboardInterrupt")
    done = shard_states(copy)
    assert list(done) == ["000000.json"]
    (tmp_path / "wait").unlink()
    recipe = Recipe(8, decoder="waiting_decoder:decode")
    candidates = scan(folder).candidates
    images, skipped = decode_by(recipe, folder, candidates, copy, workers=2)
    assert (len(images), len(skipped)) == (2 * SHARD + 8, 0)
    assert done.items() <= shard_states(copy).items()
    decode_by(recipe, folder, candidates, tmp_path / "fresh", workers=2)
    assert contents(copy) == contents(tmp_path / "fresh")


def test_what_is_gone_is_said(folder_of, tmp_path):
    folder, candidates = folder_of(2)
    copy = tmp_path / "copy"
    with pytest.raises(LibraryError, match=r"no working copy.*lookalike update"):
        Pixels(copy)
    decode_folder(folder, candidates, copy, size=8, workers=1)
    thumbnails = Thumbnails(copy)
    shutil.rmtree(copy / "thumbnails")
    with pytest.raises(LibraryError, match="thumbnails were deleted; `lookalike update`"):
        thumbnails.jpeg(0)
    with open(copy / "pixels.u8", "ab") as file:
        file.write(b"more")
    with pytest.raises(LibraryError, match="another size"):
        Pixels(copy)
    (copy / "pixels.u8").unlink()
    with pytest.raises(LibraryError, match="the working copy was deleted; `lookalike update`"):
        Pixels(copy)
    (copy / "decode.json").write_text("{")
    with pytest.raises(LibraryError, match=r"decode\.json is damaged"):
        Pixels(copy)


def test_settings_are_checked(folder_of, tmp_path):
    folder, candidates = folder_of(1)
    for wrong, match in [({"size": 0}, "size is 0"), ({"size": 8, "fit": "x"}, "fit is 'x'")]:
        with pytest.raises(SettingError, match=match):
            decode_folder(folder, candidates, tmp_path / "copy", **wrong)
    with pytest.raises(SettingError, match="workers is 0"):
        decode_folder(folder, candidates, tmp_path / "copy", size=8, workers=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be written"):
        decode_folder(folder, candidates, tmp_path / "file", size=8)
