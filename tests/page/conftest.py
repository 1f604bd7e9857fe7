"""A real library, its server, and a browser that looks at the page."""

import os
import shutil
import socket
import threading

import pytest

import lookalike
from lookalike.show import make_app
from lookalike.show.server import page_folder

SETTINGS = {
    "model": "pixels",
    "model_settings": {"dim": 8},
    "projection": "tsne",
    "space": "embedding",
    "n_clusters": 4,
}
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


def _browser():
    """Where a Chromium is; None when there is none."""
    known = [os.environ.get("LOOKALIKE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "chrome"]
    return next((found for name in known if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    if page_folder() is None:
        pytest.skip("the page is not built; `make page` builds it")
    if _browser() is None:
        pytest.skip("there is no Chromium; install one, or name it in LOOKALIKE_CHROMIUM")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_browser(), args=list(SOFTWARE))
        yield started
        started.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, draw_folder):
    return draw_folder(tmp_path_factory.mktemp("page") / "photos", n_each=15)


@pytest.fixture(scope="session")
def built(folder):
    return lookalike.build(folder, folder.parent / "photos.lookalike", **SETTINGS).path


@pytest.fixture
def library(built, tmp_path):
    """The library, for one test alone."""
    return shutil.copytree(built, tmp_path / "photos.lookalike")


@pytest.fixture
def address(library, tmp_path, monkeypatch):
    """Where the library is served, by a thread of this process."""
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.chdir(tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(lookalike.open(library))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)
    listening.close()
    assert not thread.is_alive()


@pytest.fixture
def visit(browser, address):
    """Opens the page, at an address of it. Nothing may fail in it, and no request leave the machine."""
    contexts, wrong = [], []

    def within(url):
        return url.startswith((address, "blob:", "data:"))

    def go(fragment="", *, width=1280, height=800, script=None, ready=True, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: within(request.url) or wrong.append(request.url))
        page.goto(address + fragment)
        if ready:
            until(page, "!!window.lookalikeScene?.spacing && window.lookalikeScene.firstPicture > 0")
        return page

    yield go
    for context in contexts:
        context.close()
    assert not wrong


def until(page, condition, seconds=90):
    """Waits for an expression of the page to be true; by looking, because its policy forbids to evaluate a text."""
    for _ in range(seconds * 20):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not within {seconds} s: {condition}")


@pytest.fixture(scope="session")
def wait():
    return until
