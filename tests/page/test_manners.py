"""How the page behaves: without a mouse, on any screen, while a library is being built, when something is missing."""

import json

import pytest

import lookalike
from lookalike.library import LibraryFolder

SCENE = "window.lookalikeScene"


def test_the_keyboard_is_enough(visit, wait):
    page = visit()
    page.locator("canvas").focus()
    x = page.evaluate(f"{SCENE}.camera.x")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{SCENE}.camera.x") > x
    scale = page.evaluate(f"{SCENE}.camera.scale")
    page.keyboard.press("+")
    wait(page, f"{SCENE}.camera.scale > {scale * 1.3}")
    page.keyboard.press("Enter")
    page.locator("aside.right .thumb").first.wait_for()
    page.keyboard.press("Escape")
    page.locator("aside.right").wait_for(state="detached")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


@pytest.mark.parametrize(("width", "height"), [(320, 568), (768, 1024), (1440, 900), (3840, 2160)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_a_name_and_lies_on_the_screen(visit, width, height, scheme):
    page = visit(width=width, height=height, color_scheme=scheme, reduced_motion="reduce")
    if width < 900:
        page.get_by_role("button", name="Show clusters and filters").click()
    page.wait_for_timeout(300)
    nameless = """[...document.querySelectorAll('button, input, select, summary, canvas, a')].filter(it =>
        it.getAttribute('aria-hidden') !== 'true' &&
        !(it.getAttribute('aria-label') || it.textContent.trim() || it.labels?.length)).map(it => it.outerHTML)"""
    assert page.evaluate(nameless) == []
    outside = """[...document.querySelectorAll('header button, .tools button, [role=tab], #find')].filter(it => {
        const { left, top, right, bottom, width } = it.getBoundingClientRect();
        return width && (left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1);
    }).map(it => it.outerHTML)"""
    assert page.evaluate(outside) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_a_library_that_is_being_built_fills_up(visit, library, wait):
    files = LibraryFolder(library)
    records = dict(files.header["stages"])

    def now(*stages):
        header = json.loads((library / "library.json").read_text())
        header["stages"] = {stage: records[stage] for stage in stages}
        header["generation"] += 1
        (library / "library.json.new").write_text(json.dumps(header))
        (library / "library.json.new").rename(library / "library.json")

    now()
    page = visit(ready=False)
    page.get_by_role("heading", name="This library is being built").wait_for()
    assert "about 60 of 60" in page.locator(".building li").first.inner_text()
    now("images")
    wait(page, "window.lookalikeScene?.visible.filter(it => it.place).length === 60")
    assert page.locator(".building li.now").inner_text() == "Train the model"
    now("images", "model", "embeddings", "index", "map")
    page.get_by_role("radio", name="t-SNE").wait_for()
    now(*records)
    page.locator(".clusters .cluster").nth(3).wait_for()
    page.locator(".building").wait_for(state="detached")


def test_without_webgl_one_line_says_so_and_the_rest_works(visit, library):
    script = "HTMLCanvasElement.prototype.getContext = () => null"
    page = visit(script=script, ready=False)
    page.get_by_text("This browser has no WebGL 2").wait_for()
    page.locator(".clusters .cluster").nth(3).wait_for()


def test_changes_made_elsewhere_appear(visit, library):
    page = visit()
    lookalike.open(library).rename(0, "from a shell")
    page.get_by_role("button", name="from a shell", exact=True).wait_for()


def test_a_menu_opens_where_there_is_room(visit):
    page = visit(height=480)
    for row in (0, -1):
        menu = page.locator(".cluster .menu").nth(row)
        menu.locator("summary").click()
        page.wait_for_timeout(200)
        inside, card = (page.locator(".panel .inside").bounding_box(), menu.locator(".card").bounding_box())
        assert inside["y"] <= card["y"]
        assert card["y"] + card["height"] <= inside["y"] + inside["height"] + 1
        menu.get_by_role("menuitem", name="Select its images").click()
        page.get_by_role("button", name="Clear the selection").click()


def test_no_word_on_a_button_is_cut(visit):
    page = visit()
    page.get_by_role("button", name="Keys and gestures").click()
    page.locator("dialog[open] button").wait_for()
    cut = """[...document.querySelectorAll('dialog[open] button, .segments button, .tabs button, .small')].filter(it =>
        it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1).map(it => it.outerHTML)"""
    assert page.evaluate(cut) == []


def test_the_layout_that_was_wished_for_last_is_shown(visit, wait):
    page, held = visit(), []
    page.route("**/api/layouts/pca", lambda route: held.append(route))
    pca, grid = (page.get_by_role("radio", name=name) for name in ("PCA", "Grid"))
    pca.click()
    wait(page, "document.querySelector('[role=radio][aria-busy=true]')?.textContent === 'PCA'")
    page.get_by_role("status").filter(has_text="Laying out by PCA").wait_for()
    grid.click()
    page.locator("[role=radio][aria-checked=true]", has_text="Grid").wait_for()
    held[0].continue_()
    page.get_by_role("status").filter(has_text="Laying out by PCA").wait_for(state="detached")
    assert grid.get_attribute("aria-checked") == "true"
    pca.click()
    page.locator("[role=radio][aria-checked=true]", has_text="PCA").wait_for()
    assert len(held) == 1
