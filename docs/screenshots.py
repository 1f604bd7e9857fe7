"""Takes the pictures of the page for the guide: ``python docs/screenshots.py LIBRARY``.

Needs the built page, playwright and a Chromium. The library stays as it is: a copy of it is served.
"""

import argparse
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

import lookalike
from lookalike.show import make_app

IMAGES = Path(__file__).parent / "images"
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SCENE = "window.lookalikeScene"


def main() -> None:
    """Serves the library, and takes every picture."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("library", type=Path)
    options.add_argument("--chromium", default=shutil.which("chromium"))
    options.add_argument("--into", type=Path, default=IMAGES)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        copy = shutil.copytree(chosen.library, Path(place) / chosen.library.name)
        address = serve(lookalike.open(copy))
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=list(SOFTWARE))
        for name, (width, height, scheme, act) in SHOTS.items():
            options_of = {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}
            page = browser.new_context(color_scheme=scheme, **options_of).new_page()
            page.set_default_timeout(120_000)
            page.goto(address)
            wait(page, f"!!({SCENE}?.spacing && {SCENE}.firstPicture)")
            act(page)
            page.wait_for_timeout(4_000)
            Image.open(BytesIO(page.screenshot())).convert("RGB").save(chosen.into / f"{name}.jpg", quality=86)
            page.context.close()
        browser.close()


def serve(library: lookalike.Library) -> str:
    """The address at which a thread serves it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(library), log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def wait(page: Any, condition: str) -> None:
    """Until an expression of the page is true."""
    for _ in range(1200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise SystemExit(f"not within 120 s: {condition}")


def open_one(page: Any) -> None:
    """The image that comes into view first, and its matches."""
    row = page.evaluate(f"{SCENE}.order[3]")
    page.mouse.click(*page.evaluate(f"row => {SCENE}.camera.toScreen(...{SCENE}.place(row))", row))
    page.locator("aside.right .thumb").first.wait_for()
    page.mouse.move(5, 400)


def lay_out(name: str) -> Callable[[Any], None]:
    """Another layout."""

    def act(page: Any) -> None:
        page.get_by_role("radio", name=name).click()
        page.wait_for_timeout(8_000)

    return act


def select(page: Any) -> None:
    """A region, with the lasso."""
    page.keyboard.down("Shift")
    corners = [(620, 260), (860, 230), (960, 380), (840, 520), (640, 480)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def nothing(page: Any) -> None:
    """As it opens."""


SHOTS: dict[str, tuple[int, int, str, Callable[[Any], None]]] = {
    "page": (1440, 900, "light", nothing),
    "page-search": (1440, 900, "dark", open_one),
    "page-grid": (1440, 900, "light", lay_out("Grid")),
    "page-lasso": (1440, 900, "dark", select),
    "page-phone": (390, 844, "dark", open_one),
}

if __name__ == "__main__":
    main()
