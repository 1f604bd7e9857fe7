"""How long the page takes to its first picture, and its frames while it pans and zooms: ``python frames.py 100000``.

Makes a library of so many images that never were files (drawn thumbnails, a map of 200 islands), serves it, opens it in
Chromium, and moves about. Prints what it saw, and by what the browser drew: where it says SwiftShader, that is
software on the processor, with no graphics card.
"""

import argparse
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from playwright.sync_api import sync_playwright

import lookalike
from lookalike.images import encode_jpeg
from lookalike.images.shards import SHARD, Row, Shard, header_path, pixels_path, write_shard
from lookalike.library import LibraryFolder
from lookalike.show import make_app

KINDS = 512
"""Different thumbnails; each is used many times."""
SCENE = "window.lookalikeScene"


def main() -> None:
    """Makes, serves, looks, prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("images", type=int, nargs="?", default=100_000)
    options.add_argument("--chromium", default=shutil.which("chromium"))
    options.add_argument("--size", default="1440x900")
    options.add_argument("--graphics", choices=["software", "card"], default="software")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        library = synthetic(Path(place), chosen.images)
        address = served(library)
        print(json.dumps({"images": chosen.images, **look(address, chosen)}, indent=1))


def synthetic(place: Path, n: int) -> "lookalike.Library":
    """A library of ``n`` images, without the images."""
    (place / "pictures").mkdir()
    files = LibraryFolder.create(place / "many.lookalike", place / "pictures")
    rng = np.random.default_rng(0)
    island = rng.integers(0, 200, n)
    layout = (rng.uniform(-100, 100, (200, 2))[island] + rng.normal(0, 3, (n, 2))).astype(np.float32)
    embeddings = (rng.normal(size=(200, 8))[island] + rng.normal(0, 0.3, (n, 8))).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    working_copy(files.working, n, rng)
    names = [f"island-{number:03}/{row:06}.jpg" for row, number in enumerate(island)]
    rows = pd.DataFrame({"file_name": names, "path": [name.encode() for name in names], "slot": np.arange(n)})
    rows = rows.assign(bytes=1000, mtime_ns=0, content_hash=names, width=128, height=96)
    facts = {"images": n, "skipped": 0, "other_files": 0, "content": blake2b(str(n).encode()).hexdigest()[:24]}
    skipped = pd.DataFrame({"file_name": [], "reason": []})
    known = {str(number): f"cluster {number}" for number in range(30)}
    with files.writing():
        files.commit("images", {"images": rows, "skipped": skipped}, made_from="x", facts={**facts, "scan_seconds": 0})
        files.commit("model", {}, made_from="x", facts={"name": "pixels", "dim": 8})
        files.commit("embeddings", {"embeddings": embeddings}, made_from="x")
        files.commit("index", {}, made_from="x")
        files.commit("map", {"map": layout}, made_from="x", facts={"projection": "tsne"})
        described = {"names": known, "method": "kmeans", "space": "map", "n_clusters": 30}
        files.commit("clusters", {"clusters": (island % 30).astype(np.int32)}, made_from="x", facts=described)
    return lookalike.open(files.path)


def working_copy(into: Path, n: int, rng: np.random.Generator) -> None:
    """Thumbnails of noise and colour, as a decoding would have left them."""
    for part in ("shards", "thumbnails"):
        (into / part).mkdir(parents=True, exist_ok=True)
    jpegs = []
    for _ in range(KINDS):
        coarse = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        jpegs.append(encode_jpeg(np.kron(coarse, np.ones((16, 16, 1), np.uint8))))
    header_path(into).write_text(json.dumps({"size": 32, "slots": n}))
    pixels_path(into).touch()
    for shard in range(-(-n // SHARD)):
        slots = range(shard * SHARD, min(n, (shard + 1) * SHARD))
        data, rows = bytearray(), []
        for slot in slots:
            jpeg = jpegs[slot * 7 % KINDS]
            rows.append(Row(slot, 1000, 0, str(slot), 128, 96, len(data), len(jpeg)))
            data += jpeg
        write_shard(into, shard, Shard(rows, []), bytes(data))


def served(library: "lookalike.Library") -> str:
    """The address at which a thread of this process serves the library."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(library), log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def look(address: str, chosen: argparse.Namespace) -> dict[str, object]:
    """Seconds to the first picture, and milliseconds of frames while panning, zooming and changing the layout."""
    software = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    arguments = ["--no-sandbox", *(software if chosen.graphics == "software" else ["--ignore-gpu-blocklist"])]
    width, height = map(int, chosen.size.split("x"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=arguments)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(120_000)
        start = time.monotonic()
        page.goto(address)
        first = wait(page, f"!!({SCENE} && {SCENE}.firstPicture)", start)
        wait(page, f"!!{SCENE}.spacing", start)
        page.wait_for_timeout(3000)
        card = page.evaluate(
            f"(() => {{ const gl = {SCENE}.drawing.gl, known = gl.getExtension('WEBGL_debug_renderer_info');"
            "return known ? gl.getParameter(known.UNMASKED_RENDERER_WEBGL) : 'unknown' })()"
        )
        load = os.getloadavg()[0]
        found: dict[str, object] = {"load_average": round(load, 1), "processors": os.cpu_count()}
        found |= {"first_picture_seconds": round(first, 2), "drawn_by": card, "browser": browser.version}
        taken = {name: frames(page, moves) for name, moves in MOVES.items()}
        page.get_by_role("radio", name="Grid").click()
        page.evaluate(f"{SCENE}.frames = []")
        page.wait_for_timeout(6000)
        found["frames"] = {**taken, "change of layout": summary(page)}
        browser.close()
    return found


MOVES = {
    "pan": f"{SCENE}.camera.move(Math.sin(now / 200) * 14, Math.cos(now / 300) * 10)",
    "zoom": f"{SCENE}.camera.zoom(Math.sin(now / 900) > 0 ? 1.03 : 1 / 1.03, 700, 450)",
}


def frames(page: object, move: str) -> dict[str, float]:
    """Moves the map in every frame for six seconds."""
    page.evaluate(
        f"(() => {{ {SCENE}.frames = []; const until = performance.now() + 6000;"
        f"const step = (now) => {{ {move}; {SCENE}.ask(); if (now < until) requestAnimationFrame(step) }};"
        "requestAnimationFrame(step) })()"
    )
    page.wait_for_timeout(6500)
    return summary(page)


def summary(page: object) -> dict[str, float]:
    """Median, 95th percentile and number of the frames that were drawn one after another, in milliseconds."""
    taken = page.evaluate(f"{SCENE}.frames")
    middle, most = np.percentile(taken, [50, 95])
    return {"median_ms": round(float(middle), 1), "p95_ms": round(float(most), 1), "frames": len(taken)}


def wait(page: object, condition: str, start: float) -> float:
    """Seconds since ``start`` until an expression of the page is true."""
    while not page.evaluate(condition):
        if time.monotonic() - start > 120:
            raise SystemExit(f"not within 120 s: {condition}")
        page.wait_for_timeout(20)
    return time.monotonic() - start


if __name__ == "__main__":
    main()
