"""The page as a visitor uses it, in a real browser, on a real library made by the real build."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lookalike
from lookalike.images import decode, encode_png

SCENE = "window.lookalikeScene"


def strip(page):
    """File names of the matches that are shown, nearest first."""
    return page.locator("aside.right .strip .thumb").evaluate_all("them => them.map(it => it.title)")


def place(page, row):
    """Where an image lies on the screen."""
    return page.evaluate(f"row => {SCENE}.camera.toScreen(...{SCENE}.place(row))", row)


def settle(page, wait):
    """Until nothing moves any more."""
    before = None
    for _ in range(100):
        now = page.evaluate(f"[{SCENE}.camera.x, {SCENE}.camera.y, {SCENE}.camera.scale, ...{SCENE}.place(0)]")
        if now == before:
            return
        before = now
        page.wait_for_timeout(120)


def drag(page, corners, *, shift=False):
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def enclosed(page, library, corners):
    """Which images lie within a rectangle of the screen, reckoned here."""
    (x0, y0), (x1, y1) = corners
    places = [place(page, row) for row in range(len(library.images))]
    return {
        library.file_names[row]
        for row, (x, y) in enumerate(places)
        if min(x0, x1) < x < max(x0, x1) and min(y0, y1) < y < max(y0, y1)
    }


def rectangle(first, second):
    (x0, y0), (x1, y1) = first, second
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]


def test_a_group_is_found_and_renamed(visit, library, wait):
    page = visit()
    rows = page.locator(".clusters .cluster")
    assert rows.count() == 4
    assert rows.first.locator("img").count() == 4
    rows.first.hover()
    wait(page, "document.querySelector('.clusters .cluster img').naturalWidth > 0")
    cluster = lookalike.open(library).images["cluster"].mode()[0]
    page.get_by_role("button", name=f"cluster {cluster}", exact=True).dblclick()
    page.get_by_label("Name", exact=True).fill("striped shirts")
    page.get_by_role("button", name="OK").click()
    page.get_by_role("button", name="striped shirts", exact=True).wait_for()
    assert lookalike.open(library).cluster_names[cluster] == "striped shirts"
    page.keyboard.press("Control+z")
    page.get_by_role("button", name=f"cluster {cluster}", exact=True).wait_for()
    assert lookalike.open(library).cluster_names[cluster] == f"cluster {cluster}"


def test_clusters_are_merged_split_and_sorted_anew(visit, library):
    page = visit()
    boxes = page.locator(".clusters input[type=checkbox]")
    boxes.nth(0).check(force=True)
    boxes.nth(1).check(force=True)
    page.get_by_role("button", name="Merge 2 clusters").click()
    page.locator(".clusters .cluster").nth(3).wait_for(state="detached")
    assert len(lookalike.open(library).cluster_names) == 3
    page.locator(".clusters summary").first.click()
    page.get_by_role("menuitem", name="Split …").click()
    page.get_by_label("Into how many").fill("3")
    page.get_by_role("button", name="OK").click()
    page.locator(".clusters .cluster").nth(4).wait_for()
    assert len(lookalike.open(library).cluster_names) == 5
    kept = lookalike.open(library)
    page.get_by_label("Number of clusters", exact=True).fill("8")
    page.locator(".clusters .cluster").nth(7).wait_for()
    now = lookalike.open(library)
    assert len(now.cluster_names) == 8
    for number in kept.kept_clusters:
        np.testing.assert_array_equal(now.clusters == number, kept.clusters == number)
    page.get_by_role("button", name="Show the evidence").click()
    page.locator(".curve circle").first.wait_for()
    slider, point = page.locator("#k").bounding_box(), page.locator(".curve circle").last
    number, at = int(point.text_content().split(":")[0]), point.bounding_box()
    most, thumb = int(page.locator("#k").get_attribute("max")), 16
    there = slider["x"] + thumb / 2 + (number - 1) / (most - 1) * (slider["width"] - thumb)
    assert number > 3
    assert abs(at["x"] + at["width"] / 2 - there) < 6  # the curve lies below its own numbers of the slider


def test_a_picture_from_elsewhere_finds_its_like(visit, library, folder, tmp_path):
    opened = lookalike.open(library)
    query = tmp_path / "query.png"
    pixels = decode((folder / "checks" / "003.png").read_bytes())
    query.write_bytes(encode_png(pixels[:, ::-1]))
    page = visit()
    page.locator("header input[type=file]").set_input_files(query)
    page.locator("aside.right .thumb").first.wait_for()
    assert strip(page)[:20] == opened.find(query, 20)["file_name"].tolist()
    assert page.get_by_role("heading", name="Your picture").is_visible()
    page.keyboard.press("Escape")
    page.locator("aside.right").wait_for(state="detached")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(visit, library, folder, way):
    data = (folder / "discs" / "002.png").read_bytes()
    page = visit()
    page.evaluate(
        """([way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
            const made = way === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true })
                                        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
            window.dispatchEvent(made);
        }""",
        [way, list(data)],
    )
    page.locator("aside.right .thumb").first.wait_for()
    assert strip(page)[0] == "discs/002.png"


def test_what_is_no_picture_is_refused_in_one_line(visit, tmp_path):
    wrong = tmp_path / "notes.png"
    wrong.write_text("no picture")
    page = visit()
    page.locator("header input[type=file]").set_input_files(wrong)
    page.get_by_role("alert").filter(has_text="not a picture").wait_for()


def test_clicking_an_image_shows_its_matches_and_a_region_narrows_them(visit, library, wait):
    opened = lookalike.open(library)
    page = visit()
    row = int(
        page.evaluate(f"[...{SCENE}.spacing.keys()].reduce((a, b) => {SCENE}.spacing[b] > {SCENE}.spacing[a] ? b : a)")
    )
    page.mouse.click(*place(page, row))
    page.locator("aside.right .thumb").first.wait_for()
    name = opened.file_names[row]
    assert page.locator("aside.right").get_attribute("aria-label") == name
    expected = opened.find(opened.paths[row], 30)["file_name"].tolist()[1:]
    assert strip(page)[:29] == expected
    wait(page, "document.querySelector('aside.right .beside img')?.naturalWidth > 0")
    wait(page, "document.querySelector('aside.right .frame img')?.naturalWidth > 0")
    page.wait_for_timeout(400)
    frame = page.locator("aside.right .frame").bounding_box()
    half = frame["x"] + frame["width"] / 2
    drag(page, [(frame["x"] + 12, frame["y"] + 12), (half, frame["y"] + frame["height"] / 2)])
    page.get_by_role("button", name="Search with the whole picture").wait_for()
    wait(
        page,
        f"{json.dumps(expected[:12])}.some((name, at) => "
        "document.querySelectorAll('aside.right .strip .thumb')[at]?.title !== name)",
    )
    page.keyboard.press("ArrowRight")
    wait(page, f"document.querySelector('aside.right').getAttribute('aria-label') !== {json.dumps(name)}")


def test_a_clicked_image_is_not_covered_by_the_panel_that_opens(visit, wait):
    page = visit()
    settle(page, wait)
    left = page.locator(".panel.left").bounding_box()
    edge = left["x"] + left["width"]
    places = {row: place(page, row) for row in range(page.evaluate(f"{SCENE}.layout.x.length"))}
    row = min((row for row, (x, y) in places.items() if x > edge + 5 and 100 < y < 700), key=lambda row: places[row][0])
    page.mouse.click(*places[row])
    page.locator("aside.right .thumb").first.wait_for()
    settle(page, wait)
    right = page.locator("aside.right").bounding_box()
    assert edge < place(page, row)[0] < right["x"]


def test_a_walk_between_two_images(visit, wait):
    page = visit()
    page.mouse.click(*place(page, 3))
    page.get_by_role("button", name="Walk to another image").click()
    page.locator("aside.right .strip .thumb").last.click()
    slider = page.get_by_label("From one image to the other")
    slider.fill("12")
    assert "walk?first=" in page.locator(".walk > i").get_attribute("style")


@pytest.mark.parametrize("way", ["button", "shift"])
def test_a_lasso_selects_and_saves_exactly_what_it_encloses(visit, library, wait, tmp_path, way):
    opened = lookalike.open(library)
    page = visit()
    settle(page, wait)
    corners = (400, 150), (820, 480)
    inside = enclosed(page, opened, corners)
    assert 0 < len(inside) < len(opened.images)
    if way == "button":
        page.get_by_role("button", name="Select a region").click()
    drag(page, rectangle(*corners), shift=way == "shift")
    page.get_by_text(f"{len(inside)} images selected").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with open(download.value.path(), newline="") as file:
        assert {line["file_name"] for line in csv.DictReader(file)} == inside
    with page.expect_download() as download:
        page.get_by_role("button", name="JSONL").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert {json.loads(line)["file_name"] for line in lines} == inside
    with page.expect_download() as download:
        page.get_by_role("button", name="ZIP").click()
    originals = sorted(
        path.read_bytes() for path, name in zip(opened.paths, opened.file_names, strict=True) if name in inside
    )
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.read(entry) for entry in archive.namelist()) == originals
    page.get_by_role("button", name="Links").click()
    page.get_by_label("Name of the folder").fill("mine")
    page.get_by_role("button", name="OK").click()
    page.get_by_text("links in").wait_for()
    assert {str(link.readlink().relative_to(opened.folder)) for link in (tmp_path / "mine").iterdir()} == inside


def test_a_selection_becomes_a_cluster_and_shift_click_adds_one(visit, library, wait):
    page = visit()
    settle(page, wait)
    page.locator("canvas").focus()
    for row in (0, 20):
        page.evaluate(
            f"row => {SCENE}.camera.glide({{ x: {SCENE}.layout.x[row], y: {SCENE}.layout.y[row], scale: 3e5 }}, 0)", row
        )
        page.evaluate(f"{SCENE}.ask()")
        page.wait_for_timeout(600)
        page.keyboard.down("Shift")
        page.mouse.click(*place(page, row))
        page.keyboard.up("Shift")
    page.get_by_text("2 images selected").wait_for()
    page.get_by_label("Move to cluster").select_option("new")
    page.get_by_label("Name", exact=True).fill("my pair")
    page.get_by_role("button", name="OK").click()
    page.get_by_role("button", name="my pair", exact=True).wait_for()
    found = lookalike.open(library).images.query("cluster_name == 'my pair'")
    assert found.index.tolist() == [0, 20]


def test_every_layout_shows_every_image_once(visit, library, wait):
    page = visit()
    opened = lookalike.open(library)
    for name, said in (("pca", "PCA"), ("umap", "UMAP"), ("grid", "Grid"), ("tsne", "t-SNE")):
        before = page.evaluate(f"Array.from({SCENE}.layout.x)")
        page.get_by_role("radio", name=said).click()
        wait(
            page,
            f"JSON.stringify(Array.from({SCENE}.layout.x)) !== {json.dumps(json.dumps(before, separators=(',', ':')))}",
            120,
        )
        settle(page, wait)
        shown = page.evaluate(f"[Array.from({SCENE}.layout.x), Array.from({SCENE}.layout.y)]")
        places = np.array(opened.refresh().project(name))
        assert np.corrcoef(shown[0], places[:, 0])[0, 1] > 0.999
        assert np.corrcoef(shown[1], places[:, 1])[0, 1] > 0.999
    page.get_by_role("radio", name="Grid").click()
    settle(page, wait)
    wait(page, f"{SCENE}.visible.filter(it => it.place).length === {len(opened.images)}")


def test_no_two_pictures_overlap(visit, wait):
    page = visit()
    for _ in range(3):
        settle(page, wait)
        page.wait_for_timeout(500)
        boxes = np.array(page.evaluate(f"{SCENE}.visible.map(({{ x, y, w, h }}) => [x, y, w, h])"))
        apart = np.abs(boxes[:, None, :2] - boxes[None, :, :2]) * 2 - (boxes[:, None, 2:] + boxes[None, :, 2:])
        overlapping = (apart < -0.5).all(2) & ~np.eye(len(boxes), dtype=bool)
        assert len(boxes) > 3
        assert not overlapping.any()
        page.get_by_role("button", name="Zoom in").click()


def test_the_filter_narrows_the_map(visit, library):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("discs/00")
    page.get_by_text("10 of 60 images").first.wait_for()
    assert page.evaluate(f"{SCENE}.state.reduce((a, b) => a + b, 0)") == 10
    page.get_by_role("tab", name="Filter").click()
    page.get_by_role("button", name="stripes").click()
    page.get_by_text("No image fits the filter.").wait_for()
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_role("button", name="stripes").click()
    page.get_by_text("15 of 60 images").first.wait_for()


def test_outliers_and_nearest_pairs(visit, library):
    opened = lookalike.open(library)
    page = visit()
    page.get_by_role("tab", name="Discover").click()
    page.get_by_role("button", name="Compare all images").click()
    page.locator(".panel.left .thumb").first.wait_for()
    strange = opened.file_names[opened.neighbors[1][:, 1:11].mean(1).argmax()]
    assert page.locator(".panel.left .strip .thumb").first.get_attribute("title") == strange
    pair = {opened.neighbors[1][:, 1].argmin()}
    first = page.locator(".pairs li").first.locator(".thumb").evaluate_all("them => them.map(it => it.title)")
    assert {opened.file_names[row] for row in pair} <= set(first)


def test_what_there_is_to_know(visit, folder):
    page = visit()
    page.get_by_role("tab", name="About").click()
    page.get_by_text("Normalised mutual information").wait_for()
    assert page.get_by_text(str(folder)).is_visible()


def test_an_address_holds_view_filter_query_and_selection(visit, library, wait):
    page = visit()
    page.get_by_role("radio", name="PCA").click()
    settle(page, wait)
    page.keyboard.press("/")
    page.keyboard.type("s")
    page.get_by_role("button", name="Zoom in").click()
    settle(page, wait)
    drag(page, rectangle((380, 110), (1180, 740)), shift=True)
    page.mouse.click(*place(page, 4))
    page.locator("aside.right .thumb").first.wait_for()
    settle(page, wait)
    page.wait_for_timeout(600)
    look = f"[{SCENE}.camera.x.toFixed(3), {SCENE}.camera.y.toFixed(3), Array.from({SCENE}.chosenMask).join('')]"
    shown, title, fragment = (
        page.evaluate(look),
        page.locator("aside.right").get_attribute("aria-label"),
        page.evaluate("location.hash"),
    )
    assert "1" in shown[2]
    again = visit(fragment)
    again.locator("aside.right .thumb").first.wait_for()
    settle(again, wait)
    wait(again, f"{SCENE}.chosenMask.includes(1)")
    assert again.evaluate(look) == shown
    assert again.locator("aside.right").get_attribute("aria-label") == title
    assert again.locator("#find").input_value() == "s"
    assert again.get_by_role("radio", name="PCA").get_attribute("aria-checked") == "true"


def test_fingers_move_pinch_and_open(visit, wait):
    page = visit(width=390, height=844, has_touch=True, is_mobile=True)
    settle(page, wait)
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]},
        )

    scale = page.evaluate(f"{SCENE}.camera.scale")
    touch("touchStart", (150, 400), (240, 400))
    touch("touchMove", (130, 400), (260, 400))
    touch("touchMove", (90, 400), (300, 400))
    touch("touchEnd")
    assert page.evaluate(f"{SCENE}.camera.scale") > 1.5 * scale
    x = page.evaluate(f"{SCENE}.camera.x")
    touch("touchStart", (200, 500))
    touch("touchMove", (150, 500))
    touch("touchMove", (100, 500))
    touch("touchEnd")
    assert page.evaluate(f"{SCENE}.camera.x") > x
    row = page.evaluate(f"{SCENE}.nearest(195, 450, 400)")
    page.touchscreen.tap(*place(page, row))
    page.locator("aside.right .thumb").first.wait_for()
