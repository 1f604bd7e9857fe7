"""A decoder that crashes, hangs, eats memory or babbles costs one file; the rest is decoded."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike.errors import LibraryError, LookalikeError
from lookalike.images import decode_folder, scan
from lookalike.images.folder import Recipe, decode_by
from lookalike.images.workers import usable_cores

UNRULY = """
import os, sys, time
from pathlib import Path
from lookalike.images.prepare import prepare

def decode(data, *, size, fit):
    note = Path(__file__).with_name(data[-7:].decode("ascii", "replace"))
    tries = note.stat().st_size if note.exists() else 0
    if data.endswith((b"stalled", b"waiting")):
        note.write_text("x" * (tries + 1))
    if data.endswith(b"stalled") and tries == 0:
        time.sleep(1000)
    while data.endswith(b"waiting") and not note.with_name("go").exists():
        time.sleep(0.01)
    if data == b"crash":
        os.abort()
    if data == b"hang":
        time.sleep(1000)
    if data == b"memory":
        bytearray(16 << 30)
    if data == b"babble":
        os.write(1, b'{"done": 0}\\n')
        print("babble")
    return prepare(data, size=size, fit=fit)
"""


@pytest.fixture
def unruly(tmp_path, monkeypatch):
    (tmp_path / "unruly_decoder.py").write_text(UNRULY)
    monkeypatch.syspath_prepend(tmp_path)
    return "unruly_decoder:decode"


def decode_with(decoder, folder, into, *, workers=2, seconds=30.0):
    recipe = Recipe(8, decoder=decoder, seconds=seconds)
    images, skipped = decode_by(recipe, folder, scan(folder).candidates, into, workers=workers)
    return images["file_name"].tolist(), dict(zip(skipped["file_name"], skipped["reason"], strict=True))


def test_crashes_cost_one_file_each(folder_of, tmp_path, unruly):
    folder, _ = folder_of(6)
    for name in ("0000.jpg", "0003.jpg", "0005.jpg"):
        (folder / name).write_bytes(b"crash")
    images, skipped = decode_with(unruly, folder, tmp_path / "copy")
    assert images == ["0001.jpg", "0002.jpg", "0004.jpg"]
    assert skipped == dict.fromkeys(["0000.jpg", "0003.jpg", "0005.jpg"], "the decoder crashed on it")


def test_a_hang_costs_one_file(folder_of, tmp_path, unruly):
    folder, _ = folder_of(3)
    (folder / "0001.jpg").write_bytes(b"hang")
    images, skipped = decode_with(unruly, folder, tmp_path / "copy", seconds=1.5)
    assert images == ["0000.jpg", "0002.jpg"]
    assert skipped == {"0001.jpg": "decoding took longer than 2 s"}


def test_a_file_that_stalls_once_is_tried_again(folder_of, tmp_path, unruly):
    folder, _ = folder_of(3)
    with open(folder / "0001.jpg", "ab") as file:
        file.write(b"stalled")
    images, skipped = decode_with(unruly, folder, tmp_path / "copy", seconds=1.5)
    assert images == ["0000.jpg", "0001.jpg", "0002.jpg"]
    assert skipped == {}
    assert (tmp_path / "stalled").read_text() == "xx"


PAUSED = """
import sys
from lookalike.images import scan
from lookalike.images.folder import Recipe, decode_by
folder, copy = sys.argv[1:]
recipe = Recipe(8, decoder="unruly_decoder:decode", seconds=2.5)
print(len(decode_by(recipe, folder, scan(folder).candidates, copy, workers=1)[0]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="programs cannot be paused here")
def test_a_pause_of_the_program_is_not_the_files_time(folder_of, tmp_path, unruly):
    folder, _ = folder_of(1)
    with open(folder / "0000.jpg", "ab") as file:
        file.write(b"waiting")
    command = [sys.executable, "-c", PAUSED, str(folder), str(tmp_path / "copy")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.PIPE)
    while not (tmp_path / "waiting").exists() and run.poll() is None:
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(run.pid, signal.SIGCONT)
    time.sleep(0.5)
    (tmp_path / "go").write_text("")
    printed, _ = run.communicate()
    assert printed == b"1\n"
    assert (tmp_path / "waiting").read_text() == "x"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is bounded on Linux only")
def test_memory_is_bounded(folder_of, tmp_path, unruly):
    folder, _ = folder_of(2)
    (folder / "0001.jpg").write_bytes(b"memory")
    images, skipped = decode_with(unruly, folder, tmp_path / "copy")
    assert images == ["0000.jpg"]
    assert "needs more memory" in skipped["0001.jpg"]


def test_what_a_decoder_prints_does_not_disturb(folder_of, tmp_path, unruly):
    folder, _ = folder_of(2)
    (folder / "0000.jpg").write_bytes(b"babble")
    images, skipped = decode_with(unruly, folder, tmp_path / "copy")
    assert (images, list(skipped)) == (["0001.jpg"], ["0000.jpg"])


def test_processes_that_do_not_start_are_an_error_not_a_loop(folder_of, tmp_path):
    folder, _ = folder_of(1)
    with pytest.raises(LookalikeError, match="before they come to a picture"):
        decode_with("no_such_module:decode", folder, tmp_path / "copy")


def test_a_working_copy_that_cannot_be_written_is_an_error(folder_of, tmp_path):
    folder, candidates = folder_of(1)
    copy = tmp_path / "copy"
    decode_folder(folder, candidates, copy, size=8)
    (copy / "shards" / "000000.json").unlink()
    (copy / "thumbnails" / "000000.part").mkdir()
    with pytest.raises(LibraryError, match=r"The working copy cannot be written: .*[Dd]irectory"):
        decode_folder(folder, candidates, copy, size=8)


def test_workers_import_nothing_from_the_current_folder(folder_of, tmp_path, monkeypatch):
    folder, candidates = folder_of(2)
    (folder / "PIL.py").write_text("raise SystemExit('a stranger\\'s code was run')")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    images, _ = decode_folder(".", candidates, tmp_path / "copy", size=8)
    assert len(images) == 2


def test_a_script_without_a_main_guard_works(folder_of, tmp_path):
    folder, _ = folder_of(2)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom lookalike.images import decode_folder, scan\n"
        "images, _ = decode_folder(sys.argv[1], scan(sys.argv[1]).candidates, sys.argv[2], size=8)\n"
        "print(len(images))\n"
    )
    command = [sys.executable, str(script), str(folder), str(tmp_path / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_workers_load_no_tables():
    """A worker's memory is that of its decoder: pandas stays in the parent."""
    code = "import sys, lookalike.images.worker; print('pandas' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_default_workers_are_the_usable_cores():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
