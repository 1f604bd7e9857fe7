"""The page in a report: opened as a file, with nothing that could answer it."""

import csv
import io
import json
from pathlib import Path

import pytest

import lookalike
from lookalike.show import write_report

SCENE = "window.lookalikeScene"
READY = f"!!{SCENE}?.spacing && {SCENE}.firstPicture > 0"


@pytest.fixture(scope="module")
def report(built, tmp_path_factory):
    return write_report(lookalike.open(built), tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def read(browser, report, wait):
    """Opens the report. Nothing may be asked for but the file itself, nothing may fail, and no policy be offended."""
    contexts, wrong, within = [], [], ("blob:", "data:", report.as_uri())

    def go(fragment="", *, width=1280, height=800, ready=True, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: asked.url.startswith(within) or wrong.append(asked.url))
        page.goto(report.as_uri() + fragment)
        if ready:
            wait(page, READY)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not wrong


def place(page, row):
    return page.evaluate(f"row => {SCENE}.camera.toScreen(...{SCENE}.place(row))", row)


def shown(page):
    return page.locator("aside.right .strip .thumb").evaluate_all("them => them.map(it => it.title)")


def test_the_map_shows_every_picture(read, wait):
    page = read()
    page.get_by_role("radio", name="Grid").click()
    wait(page, f"{SCENE}.visible.filter(it => it.place).length === 60")
    page.get_by_role("radio", name="PCA").click()
    wait(page, f"{SCENE}.layout.cell === null && !{SCENE}.before")


def test_a_click_gives_the_library_s_matches(read, built, wait):
    library = lookalike.open(built)
    page = read(reduced_motion="reduce")
    row = page.evaluate(f"{SCENE}.visible[0].row")
    page.mouse.click(*place(page, row))
    page.locator("aside.right .thumb").first.wait_for()
    opened = page.locator("aside.right").get_attribute("aria-label")
    found = library.find(library.folder / opened, 41)["file_name"].tolist()
    assert shown(page) == [name for name in found if name != opened]
    wait(page, "document.querySelector('aside.right .thumb img').naturalWidth > 0")
    wait(page, "document.querySelector('aside.right .picture img').naturalWidth > 0")
    page.keyboard.press("ArrowRight")
    page.locator(f"aside.right[aria-label='{found[1]}']").wait_for()
    page.keyboard.press("Escape")
    page.locator("aside.right").wait_for(state="detached")


def test_a_cluster_can_be_chosen_and_a_name_filtered(read, built):
    library = lookalike.open(built)
    page = read()
    assert page.locator(".clusters .cluster").count() == 4
    page.locator(".clusters summary").first.click()
    page.get_by_role("menuitem", name="Show only this").click()
    size = library.images["cluster"].value_counts().iloc[0]
    page.get_by_text(f"{size} of 60 images").first.wait_for()
    page.locator("#find").fill("no such name")
    page.get_by_text("0 of 60 images").first.wait_for()


def test_what_needs_a_server_is_not_offered(read):
    page = read()
    for name in ("Undo", "Automatic", "Search with a picture"):
        assert page.get_by_role("button", name=name).count() == 0
    assert page.locator(".clusters input, input[type=file], #k").count() == 0
    page.locator(".clusters summary").first.click()
    assert page.get_by_role("menuitem").filter(has_text="Rename").count() == 0
    page.locator("canvas").focus()
    page.keyboard.press("Enter")
    page.locator("aside.right .thumb").first.wait_for()
    assert page.get_by_role("link", name="Open the original").count() == 0
    assert page.get_by_text("Drag on the picture").count() == 0
    page.get_by_role("tab", name="Discover").click()
    page.get_by_role("button", name="Compare all images").click()
    page.get_by_role("heading", name="Outliers").wait_for()
    page.get_by_role("tab", name="About").click()
    page.get_by_text("Accuracy of the clusters").first.wait_for()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_selection_is_saved_as_the_server_would(read, built, ending):
    from lookalike.show.exporting import selected_table

    library = lookalike.open(built)
    page = read()
    page.locator(".clusters summary").first.click()
    page.get_by_role("menuitem", name="Select its images").click()
    assert page.locator(".selection").get_by_role("button", name="ZIP").count() == 0
    with page.expect_download() as download:
        page.locator(".selection").get_by_role("button", name=ending.upper()).click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    rows = library.images.index[library.clusters == library.images["cluster"].mode()[0]]
    wanted = selected_table(library, rows.to_numpy(), f".{ending}").decode()
    if ending == "csv":
        got, wanted = (list(csv.DictReader(io.StringIO(table))) for table in (text, wanted))
    else:
        got, wanted = ([json.loads(line) for line in table.splitlines()] for table in (text, wanted))
    assert len(got) == len(wanted) == len(rows)
    for mine, its in zip(got, wanted, strict=True):
        its.pop("embedding", None)
        assert list(mine) == list(its)
        for name, value in its.items():
            if name.startswith("projection"):
                assert float(mine[name]) == pytest.approx(float(value), rel=1e-6)
            else:
                assert mine[name] == value


def test_what_is_below_leads_into_the_map(read, wait):
    page = read()
    page.get_by_role("link", name="Numbers").click()
    wait(page, "scrollY > 300")
    link = page.locator(".pictures a").first
    name = link.locator("img").get_attribute("alt")
    link.click()
    page.locator("aside.right .thumb").first.wait_for()
    assert page.locator("aside.right").get_attribute("aria-label") == name
    wait(page, "scrollY < 10")
    page.locator(".entry h3 a").nth(1).click()
    page.get_by_text("of 60 images").first.wait_for()


def test_it_is_light_or_dark_as_a_whole(read):
    page = read(color_scheme="dark")
    colour = "getComputedStyle(document.querySelector('.report .tiles div')).backgroundColor"
    dark = page.evaluate(colour)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(colour) != dark
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_it_fits_the_screen(read, width):
    page = read(width=width, height=844)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator(".onward").bounding_box()
    assert box["y"] + box["height"] <= 845


def test_on_paper_and_without_scripts_the_map_is_a_picture(read):
    printed = read()
    assert not printed.get_by_role("img", name="Map of 60 images").is_visible()
    printed.emulate_media(media="print")
    assert printed.get_by_role("img", name="Map of 60 images").is_visible()
    assert not printed.locator("#page").is_visible()
    page = read(ready=False, java_script_enabled=False)
    assert page.get_by_role("img", name="Map of 60 images").is_visible()
    assert not page.locator("#page").is_visible()
