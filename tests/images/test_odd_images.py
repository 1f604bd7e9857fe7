"""975 odd, broken and hostile files: none stops a run, and nothing that Pillow shows is lost without a reason."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lookalike.images import decode_folder, scan

ODD = Path(__file__).parents[2] / "../shared/data/odd-images"
# what the manifest opened but whose pixels Pillow itself reports as cut off or broken when they are loaded
DAMAGED = {
    "made/bad_crc.png",
    "pillow/broken_data_stream.png",
    "pillow/truncated_end_chunk.png",
    "pillow/apng/chunk_no_fctl.png",
}

pytestmark = pytest.mark.skipif(not (ODD / "manifest.csv").exists(), reason="the odd-images data is not here")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "photos"
    shutil.copytree(ODD, folder)
    os.mkfifo(folder / "made" / "fifo.jpg")
    (folder / "made" / "loop").symlink_to(".")
    (folder / "made" / "broken_link.jpg").symlink_to("nowhere.jpg")
    found = scan(folder)
    images, skipped = decode_folder(folder, found.candidates, folder.parent / "copy", size=32)
    return folder, found, images, skipped


def test_the_numbers_add_up(run):
    folder, found, images, skipped = run
    files = sum(len(names) for _, _, names in os.walk(folder))
    assert len(found.candidates) + len(found.skipped) + found.other_files == files
    assert len(images) + len(skipped) == len(found.candidates)
    reasons = pd.concat([found.skipped, skipped])["reason"]
    assert reasons.str.len().between(5, 160).all()
    assert not reasons.str.contains("crashed|took longer|Traceback|/photos").any()


def test_what_pillow_shows_is_shown(run):
    _, _, images, _ = run
    manifest = pd.read_csv(ODD / "manifest.csv")
    opened = set(manifest["file"][manifest["outcome"] == "ok"])
    assert opened - set(images["file_name"]) == DAMAGED


def test_sizes_are_those_of_the_manifest_after_orientation(run):
    _, _, images, _ = run
    manifest = pd.read_csv(ODD / "manifest.csv").rename(columns={"file": "file_name"})
    both = images.merge(manifest, on="file_name", suffixes=("", "_stored"))
    both = both[both["outcome"] == "ok"]
    same = (both["width"] == both["width_stored"]) & (both["height"] == both["height_stored"])
    turned = (both["width"] == both["height_stored"]) & (both["height"] == both["width_stored"])
    sideways = both["exif_orientation"].isin(["5", "6", "7", "8"])
    assert (same | turned & sideways).all(), both[~(same | turned)]["file_name"].tolist()
