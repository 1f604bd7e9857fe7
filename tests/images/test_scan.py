"""Every file is found once, under a stable name, and ends in one of three places."""

import importlib.util
import json
import os
import stat

import pytest

from lookalike.errors import FolderError
from lookalike.images import decode_folder, scan
from lookalike.images.formats import HEIC_ADVICE, heic_is_read
from lookalike.images.scan import shown_names


@pytest.fixture
def jpeg(photo, encode):
    return encode(photo, "JPEG")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    return path


def reasons(found):
    return dict(zip(found.skipped["file_name"], found.skipped["reason"], strict=True))


def names(found):
    return list(found.candidates["file_name"])


def test_pictures_are_known_by_ending_and_by_content(folder, jpeg):
    (folder / "a.jpg").write_bytes(jpeg)
    (folder / "B.JPEG").write_bytes(jpeg)
    (folder / "no_ending").write_bytes(jpeg)
    (folder / "camera.dat").write_bytes(jpeg)
    (folder / ".hidden.png").write_bytes(jpeg)
    (folder / "notes.txt").write_text("no picture")
    (folder / "text.jpg").write_text("no picture either, but it claims to be")
    (folder / "empty.txt").write_bytes(b"")
    found = scan(folder)
    assert names(found) == [".hidden.png", "B.JPEG", "a.jpg", "camera.dat", "no_ending", "text.jpg"]
    assert found.other_files == 2
    assert found.candidates["bytes"].iloc[2] == len(jpeg)
    assert found.candidates["mtime_ns"].iloc[2] == (folder / "a.jpg").stat().st_mtime_ns
    assert found.candidates.dtypes[["bytes", "mtime_ns"]].astype(str).tolist() == ["int64", "int64"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("AVIF", {}),
        ("JPEG2000", {}),
        ("PPM", {}),
        ("ICO", {}),
        ("DDS", {}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_first_bytes_tell_the_format(folder, photo, encode, name, options):
    (folder / "nameless").write_bytes(encode(photo, name, **options))
    assert names(scan(folder)) == ["nameless"]


def test_what_cannot_be_opened_is_skipped_with_its_reason(folder):
    os.mkfifo(folder / "fifo.jpg")
    os.mkfifo(folder / "fifo")
    (folder / "empty.png").write_bytes(b"")
    (folder / "broken.gif").symlink_to("nowhere.gif")
    (folder / "broken").symlink_to("nowhere")
    (folder / "circle.jpg").symlink_to("circle.jpg")
    found = scan(folder)
    assert reasons(found) == {
        "broken.gif": "broken link",
        "circle.jpg": "broken link",
        "empty.png": "the file is empty",
        "fifo.jpg": "not a regular file but a FIFO",
    }
    assert (len(found.candidates), found.other_files) == (0, 2)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_a_reason(folder, jpeg):
    (folder / "secret.jpg").write_bytes(jpeg)
    (folder / "secret.jpg").chmod(0)
    (folder / "closed").mkdir(mode=0)
    found = scan(folder)
    (folder / "closed").chmod(stat.S_IRWXU)
    assert reasons(found)["secret.jpg"] == "no permission to read it"
    assert "cannot be listed" in reasons(found)["closed/"]


def test_a_folder_that_cannot_be_listed_is_skipped(folder, jpeg, monkeypatch):
    (folder / "closed").mkdir()
    (folder / "a.jpg").write_bytes(jpeg)
    real = os.scandir

    def refusing(path):
        if os.fsencode(path).endswith(b"closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = scan(folder)
    assert reasons(found) == {"closed/": "the folder cannot be listed: Permission denied"}
    assert names(found) == ["a.jpg"]


def test_kinds_that_are_not_read_say_what_to_do(folder, jpeg):
    (folder / "logo.svg").write_text("<svg/>")
    (folder / "shot.nef").write_bytes(b"II*\0" + bytes(100))
    (folder / "scan.czi").write_bytes(b"ZISRAWFILE")
    (folder / "in_truth_a_photo.svg").write_bytes(jpeg)
    found = scan(folder)
    assert "save it as PNG" in reasons(found)["logo.svg"]
    assert "convert it to JPEG or TIFF" in reasons(found)["shot.nef"]
    assert "export it as TIFF" in reasons(found)["scan.czi"]
    assert names(found) == ["in_truth_a_photo.svg"]


@pytest.mark.parametrize("installed", [False, True])
def test_heic_is_read_or_its_extra_is_named(folder, monkeypatch, installed):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed or None)
    heic_is_read.cache_clear()
    for name in ("a.heic", "no_ending"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    found = scan(folder)
    monkeypatch.undo()
    heic_is_read.cache_clear()
    assert names(found) == (["a.heic", "no_ending"] if installed else [])
    told = {} if installed else dict.fromkeys(["a.heic", "no_ending"], HEIC_ADVICE)
    assert reasons(found) == told
    assert "pip install 'lookalike[heic]'" in HEIC_ADVICE


def test_links_are_followed_without_loops_and_real_places_win(folder, jpeg, tmp_path):
    (folder / "z_real").mkdir()
    (folder / "z_real" / "a.jpg").write_bytes(jpeg)
    (folder / "a_link").symlink_to("z_real")
    (folder / "z_real" / "loop").symlink_to("..")
    (folder / "up").symlink_to(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.jpg").write_bytes(jpeg)
    (folder / "elsewhere").symlink_to(outside)
    (folder / "elsewhere_again").symlink_to(outside)
    (folder / "file_link.jpg").symlink_to("z_real/a.jpg")
    assert names(scan(folder)) == ["elsewhere/b.jpg", "file_link.jpg", "z_real/a.jpg"]


def test_libraries_are_not_entered(folder, jpeg):
    for name, header in [("mine.lookalike", {"format": "lookalike"}), ("other", {"format": "something"})]:
        (folder / name).mkdir()
        (folder / name / "thumbnail.jpg").write_bytes(jpeg)
        (folder / name / "library.json").write_text(json.dumps(header))
    assert names(scan(folder)) == ["other/thumbnail.jpg"]
    with pytest.raises(FolderError, match="is a Lookalike library"):
        scan(folder / "mine.lookalike")


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_a_folder_is_expected(tmp_path, name):
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(FolderError, match=f"{name}.*expected a folder"):
        scan(tmp_path / name)


def test_odd_names_stay_apart_and_can_be_opened(folder, jpeg):
    odd = [
        b"new\nline.jpg",
        b"not_utf8_\xe9.jpg",
        b"not_utf8_\\xe9.jpg",
        "画像-🙂.jpg".encode(),
        b"-dash.jpg",
        b" .jpg",
    ]
    try:
        for name in odd:
            with open(os.path.join(os.fsencode(folder), name), "wb") as file:
                file.write(jpeg)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    for place in ("x", "y"):
        (folder / place).mkdir()
        (folder / place / "same.jpg").write_bytes(jpeg)
    found = scan(folder)
    by_path = dict(zip(found.candidates["path"], found.candidates["file_name"], strict=True))
    assert set(by_path) == {*odd, b"x/same.jpg", b"y/same.jpg"}
    assert by_path[b"not_utf8_\xe9.jpg"] == "not_utf8_\\xe9.jpg~2"
    assert by_path[b"not_utf8_\\xe9.jpg"] == "not_utf8_\\xe9.jpg"
    assert len(set(by_path.values())) == len(by_path)
    assert names(found) == sorted(by_path.values())
    images, skipped = decode_folder(folder, found.candidates, folder.parent / "copy", size=8, workers=1)
    assert (len(images), len(skipped)) == (8, 0)
    assert list(images["path"]) == list(found.candidates["path"])


def test_shown_names_do_not_depend_on_the_order():
    paths = [b"\xff", b"\xfe", b"\\xff", b"a"]
    assert shown_names(paths) == ["\\xff~2", "\\xfe", "\\xff", "a"]
    assert shown_names(paths[::-1]) == shown_names(paths)[::-1]


def test_progress_and_empty_folder(folder):
    calls = []
    found = scan(folder, progress=lambda *args, **more: calls.append(args))
    assert (len(found.candidates), len(found.skipped), found.other_files) == (0, 0, 0)
    assert calls == [("scan", 0, 0)]
