"""The library on disk: whole or not at all, one writer, nothing from a stranger that could do harm."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from lookalike.errors import LibraryBusyError, LibraryError, LibraryVersionError
from lookalike.library import FORMAT, HEADER, MAX_HEADER, VERSION, LibraryFolder, Stage, fingerprint
from lookalike.library import folder as library_module


@pytest.fixture
def files(tmp_path):
    """A library with one stage: a table, an array and a folder."""
    files = LibraryFolder.create(tmp_path / "a.lookalike", tmp_path)
    with files.writing():
        files.commit("first", contents(1), made_from="one", facts={"n": 3}, seconds=1.5)
    return files


def contents(number):
    def fill(place):
        place.mkdir()
        (place / "weights").write_text(str(number))

    table = pd.DataFrame({"file_name": ["a", "b", "c"], "value": [number] * 3})
    return {"table": table, "array": np.full(3, number, np.float32), "folder": fill}


def value(files, stage="first"):
    """The number that a stage was made with; it must be the same in all its files."""
    found = {int(files.table("table", stage)["value"][0]), int(files.array("array", stage)[0])}
    found.add(int((files.place("folder", stage) / "weights").read_text()))
    assert len(found) == 1
    return found.pop()


def names(files):
    return {path.name for path in files.path.iterdir()} - {"lock"}


def rewrite(files, **changes):
    header = json.loads((files.path / HEADER).read_text())
    (files.path / HEADER).write_text(json.dumps({**header, **changes}))


def test_what_was_committed_is_read_again(files):
    again = LibraryFolder(files.path)
    assert value(again) == 1
    assert again.facts("first") == {"n": 3}
    assert again.seconds() == {"first": 1.5}
    assert again.made_from("first") == "one"
    assert again.has("first")
    assert again.has("first", "one")
    assert not again.has("first", "two")
    assert not again.has("second")
    assert again.array("array", "first").dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        again.array("array", "first")[0] = 5


def test_the_header_is_versioned_and_readable_alone(files):
    header = json.loads((files.path / HEADER).read_text())
    assert header["format"] == FORMAT
    assert header["format_version"] == VERSION
    for path in files.path.iterdir():
        if path.is_file() and path.name != HEADER:
            path.unlink()
    assert LibraryFolder(files.path).facts("first") == {"n": 3}


def test_a_stage_that_is_missing_is_named(files):
    with pytest.raises(LibraryError, match=r"not built that far \(second is missing\); `lookalike build .+` goes on"):
        files.array("array", "second")
    with pytest.raises(LibraryError, match="other of stage first cannot be read"):
        files.array("other", "first")


def test_a_newer_version_asks_for_an_update(files):
    rewrite(files, format_version=VERSION + 1, stages="of a kind that is not known yet")
    with pytest.raises(LibraryVersionError, match=f"format {VERSION + 1}, this version reads up to {VERSION}; update"):
        LibraryFolder(files.path)


def test_no_library_at_all(tmp_path):
    with pytest.raises(LibraryError, match=r"is not a library .it has no library\.json.; make one with"):
        LibraryFolder(tmp_path)
    with pytest.raises(LibraryError, match=r"it has no library\.json; there is nothing of that name.; make"):
        LibraryFolder(tmp_path / "missing")


def test_the_library_beside_the_folder_is_pointed_at(files):
    folder = files.path.with_name("a")
    for there in (False, True):
        assert folder.exists() == there
        with pytest.raises(LibraryError, match=r"did you mean .*a\.lookalike\?"):
            LibraryFolder(folder)
        folder.mkdir(exist_ok=True)


def stage(**changes):
    return {"first": {"made_from": "x", "files": {"array": "array-1.npy"}, "facts": {}, "seconds": 1.0, **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "zip"},
        {"format": None},
        {"format_version": "1"},
        {"folder": 3},
        {"created": None},
        {"generation": "7"},
        {"working": "working-1/../../elsewhere"},
        {"settings": []},
        {"stages": []},
        {"stages": {"first": None}},
        {"stages": stage(facts=[])},
        {"stages": stage(made_from=1)},
        {"stages": stage(seconds="long")},
        {"stages": stage(files=["array-1.npy"])},
        *({"stages": stage(files={"array": name})} for name in ("../x", "/etc/passwd", "a/../../x", "..", ".", "")),
        *({"stages": stage(files={"array": name})} for name in ("a\\..\\x", "x\0y", "sub/x", None, 7)),
    ],
    ids=str,
)
def test_a_header_of_wrong_values_is_refused(files, changes):
    rewrite(files, **changes)
    with pytest.raises(LibraryError, match=r"library\.json is damaged"):
        LibraryFolder(files.path)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"{}", b"[" * 100_000],
    ids=["empty", "half", "list", "null", "no-text", "no-entries", "deep"],
)
def test_a_damaged_header_is_refused(files, text):
    (files.path / HEADER).write_bytes(text)
    with pytest.raises(LibraryError, match=r"library\.json is damaged"):
        LibraryFolder(files.path)


def test_a_huge_header_is_not_read(files):
    with (files.path / HEADER).open("r+b") as file:
        file.truncate(MAX_HEADER + 1)  # sparse
    with pytest.raises(LibraryError, match="larger than"):
        LibraryFolder(files.path)


def test_a_pickle_is_refused(files):
    record = files.header["stages"]["first"]["files"]["array"]
    np.save(files.path / record, np.array([{"an": "object"}], object), allow_pickle=True)
    with pytest.raises(LibraryError, match="array of stage first cannot be read"):
        files.array("array", "first")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_only_real_files_are_read(files, tmp_path, kind):
    place = files.path / files.header["stages"]["first"]["files"]["array"]
    place.unlink()
    if kind == "link":
        np.save(tmp_path / "secret.npy", np.zeros(3))
        place.symlink_to(tmp_path / "secret.npy")
    else:
        os.mkfifo(place)
    with pytest.raises(LibraryError, match="array of stage first cannot be read"):
        files.array("array", "first")


def test_objects_are_never_written(files):
    with files.writing(), pytest.raises(ValueError, match="pickle"):
        files.commit("second", {"array": np.array([object()])}, made_from="x")
    assert not LibraryFolder(files.path).has("second")


def test_a_table_that_is_cut_off_is_named(files):
    place = files.path / files.header["stages"]["first"]["files"]["table"]
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(LibraryError, match=r"table of stage first cannot be read .*`lookalike build .+ makes it anew"):
        files.table("table", "first")


class CrashError(BaseException):
    """As good as a lost process: nothing in the library may catch it."""


def crash_at(monkeypatch, moment):
    """Lets the process die at the given call of anything that writes; says whether it was reached."""
    calls = []

    def dying(function):
        def call(*arguments, **options):
            calls.append(function.__name__)
            if len(calls) == moment:
                raise CrashError
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(library_module.os, "replace", dying(os.replace))
    monkeypatch.setattr(library_module.os, "fsync", dying(os.fsync))
    monkeypatch.setattr(library_module.np, "save", dying(np.save))
    monkeypatch.setattr(library_module.shutil, "rmtree", dying(library_module.shutil.rmtree))
    monkeypatch.setattr(LibraryFolder, "_write", dying(LibraryFolder._write))
    return calls


MOMENTS = range(1, 11)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_at_any_step_of_a_commit_leaves_the_old_or_the_new(files, monkeypatch, moment):
    before = names(files)
    with monkeypatch.context() as patch:
        calls = crash_at(patch, moment)
        try:
            with files.writing():
                files.commit("first", contents(2), made_from="two")
        except CrashError:
            assert len(calls) == moment
        else:
            pytest.fail(f"a commit has only {len(calls)} steps: shorten MOMENTS")
    committed = "replace" in calls[:-1]
    shown = 2 if committed else 1
    assert value(LibraryFolder(files.path)) == shown
    assert value(files) == shown
    with LibraryFolder(files.path).writing():
        pass
    assert value(LibraryFolder(files.path)) == shown
    assert len(names(files)) == len(before)
    if not committed:
        assert names(files) == before


@pytest.mark.parametrize("moment", range(1, 15))
def test_a_crash_at_any_step_leaves_all_of_several_stages_or_none(files, monkeypatch, moment):
    stages = {name: Stage(contents(2), "two", {}) for name in ("first", "second")}
    with monkeypatch.context() as patch:
        calls = crash_at(patch, moment)
        with suppress(CrashError), files.writing():
            files.commit_together(stages, working="working-2")
    after = LibraryFolder(files.path)
    if "replace" in calls[:-1] or len(calls) < moment:
        assert (value(after), after.made_from("second"), after.working.name) == (2, "two", "working-2")
    else:
        assert (value(after), after.has("second"), after.working.name) == (1, False, "working")


def test_the_moments_cover_the_whole_commit(files, monkeypatch):
    calls = crash_at(monkeypatch, 0)
    with files.writing():
        files.commit("first", contents(2), made_from="two")
    assert len(calls) == len(MOMENTS)
    assert {"replace", "fsync", "save", "rmtree", "_write"} == set(calls)


@pytest.mark.parametrize("moment", [1, 2])
def test_a_crash_while_a_library_is_created_is_no_obstacle(tmp_path, monkeypatch, moment):
    with monkeypatch.context() as patch:
        crash_at(patch, moment)
        with pytest.raises(CrashError):
            LibraryFolder.create(tmp_path / "b.lookalike", tmp_path)
    files = LibraryFolder.create(tmp_path / "b.lookalike", tmp_path)
    with files.writing():
        files.commit("first", contents(1), made_from="one")
    assert value(LibraryFolder(files.path)) == 1


def test_creating_takes_up_what_is_there(files, tmp_path):
    assert value(LibraryFolder.create(files.path, tmp_path / "other")) == 1


def test_a_folder_of_something_else_is_not_taken(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(LibraryError, match="exists and is not a library; choose another place"):
        LibraryFolder.create(tmp_path, tmp_path)
    with pytest.raises(LibraryError, match="exists and is not a library"):
        LibraryFolder.create(tmp_path / "thesis.tex", tmp_path)
    with pytest.raises(LibraryError, match=r"cannot be made \(.+\); choose another place"):
        LibraryFolder.create(tmp_path / "thesis.tex" / "b.lookalike", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_leftovers_are_swept_and_working_folders_kept(files):
    before = names(files)
    (files.path / "array-9.npy").write_text("half")
    (files.path / "folder-9").mkdir()
    for place in (files.working, files.training):
        place.mkdir()
        (place / "state").write_text("kept")
    with files.writing():
        pass
    assert names(files) == before | {"working", "training"}
    assert (files.training / "state").read_text() == "kept"


def test_notes_and_forgetting(files):
    with files.writing():
        files.note(settings={"model": "pixels"})
        files.forget("first")
    again = LibraryFolder(files.path)
    assert again.header["settings"] == {"model": "pixels"}
    assert not again.has("first")
    assert names(again) == {HEADER}


def test_a_reader_goes_over_to_what_a_writer_has_replaced(files):
    reader = LibraryFolder(files.path)
    held = reader.array("array", "first")
    with files.writing():
        files.commit("first", contents(2), made_from="two")
    assert held[0] == 1  # what is mapped stays as it was
    assert value(reader) == 2
    with files.writing():
        files.forget("first")
    with pytest.raises(LibraryError, match="first is missing"):
        reader.table("table", "first")


HOLDER = """
import sys, time
from lookalike.library import LibraryFolder
with LibraryFolder(sys.argv[1]).writing():
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(files):
    """Another process that writes to the library, and does not come to an end."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(files.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_writer_is_turned_away_and_readers_are_not(files, holder):
    with pytest.raises(LibraryBusyError, match="another process is writing to"), files.writing():
        pytest.fail("two writers")
    assert value(LibraryFolder(files.path)) == 1


def test_a_killed_writer_holds_nothing(files, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with files.writing():
        files.commit("first", contents(2), made_from="two")
    assert value(files) == 2


def test_fingerprints_tell_apart():
    assert fingerprint([1, 2], "a") == fingerprint([1, 2], "a")
    assert len({fingerprint(1, 2), fingerprint([1, 2]), fingerprint(12), fingerprint("1", 2), fingerprint()}) == 5
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
