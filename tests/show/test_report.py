"""The report: complete in itself, harmless whatever files are called, and telling all there is."""

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

import lookalike
from lookalike.errors import LibraryError, SettingError
from lookalike.images import decode
from lookalike.library import LibraryFolder
from lookalike.show import report_map, report_sections, write_report
from lookalike.show.charts import line_chart, ticks
from lookalike.show.report_map import map_data

VOID = {"meta", "img", "br", "line", "circle", "polyline"}
REQUESTS = ("src", "href", "srcset", "data", "action", "poster", "background", "ping", "formaction", "xlink:href")


class Page(HTMLParser):
    """What is in a page: its elements with their attributes, its text, and whether everything that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open, self.scripts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


def read(path):
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    return text, page


@pytest.fixture(scope="module")
def report(library, tmp_path_factory):
    return read(write_report(library, tmp_path_factory.mktemp("report") / "report.html"))


def test_it_asks_the_network_for_nothing(report):
    text, page = report
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text.split("<script")[0]))
    for tag, attributes in page.elements:
        for name in REQUESTS:
            assert attributes.get(name) is None or attributes[name].startswith("data:image/jpeg;base64,"), tag
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert "@import" not in text
    assert "url(" not in text


def test_its_policy_allows_its_own_script_alone(report):
    _, page = report
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data:"
    script = page.scripts[-1]
    assert allowed["script-src"] == f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(|innerHTML|eval\(", script)
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_file_names_are_text_and_never_elements(report, odd_names):
    text, page = report
    assert "<img src=x" not in text
    assert not [a for a in page.all("img") if a.get("src") == "x"]
    alts = {a["alt"] for a in page.all("img")}
    shown = json.loads(page.scripts[0])["files"]
    assert set(odd_names) <= set(shown)
    assert any(odd_names[0] in alt for alt in alts)
    assert "broken <b>.jpg" in page.text
    assert not page.all("i")


def test_data_cannot_end_its_script(own_library, tmp_path):
    name = "x</script><script>alert(1)</script>"
    header = json.loads((own_library.path / "library.json").read_text())
    header["stages"]["clusters"]["facts"]["names"]["0"] = name
    (own_library.path / "library.json").write_text(json.dumps(header))
    _, page = read(write_report(lookalike.open(own_library.path), tmp_path / "r.html"))
    assert len(page.all("script")) == 2
    assert json.loads(page.scripts[0])["clusters"]["0"][0] == name
    assert name in page.text


def test_it_mentions_every_cluster_skipped_file_and_setting(report, library):
    _, page = report
    for number, name in library.cluster_names.items():
        size = int((library.clusters == number).sum())
        assert name in page.text
        assert f"{size} image" in page.text
    for row in library.skipped.itertuples():
        assert row.file_name in page.text
        assert row.reason in page.text
    for name in library.settings.as_dict():
        assert name in page.text
    assert f"{len(library.images)} images" in page.text
    assert lookalike.__version__ in page.text
    assert "n_clusters=4" in page.text  # the line that makes it again


def test_headings_and_alternative_texts_are_complete(report):
    _, page = report
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(a.get("alt") for a in page.all("img")[:-1])  # the last is filled when an image is enlarged
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for a in page.all("section")} <= set(ids)
    assert all(a.get("aria-label") for a in page.all("svg"))


def test_scores_name_their_labels_and_are_those_of_evaluate(report, library):
    _, page = report
    assert "sub-folders" in page.text
    scores = library.evaluate()
    section = page.text.split("Scores", 1)[1]
    for name, title in {"acc": "Accuracy", "ami": "Adjusted mutual", "recall_at_10": "Recall at 10"}.items():
        assert f"{scores[name]:.3f}" in section.split(title, 1)[1][:200]
    assert set(report_sections.SCORES) == {*scores} - {"images", "classes", "clusters"}, "each has its words"
    assert f"{scores['map']:.3f}" in page.text


def test_labels_may_come_from_a_table(library, tmp_path):
    lines = [f"{name},{number % 2}" for number, name in enumerate(library.images["file_name"]) if "," not in name]
    (tmp_path / "truth.csv").write_text("\n".join(["file_name,label", *lines]), encoding="utf-8")
    _, page = read(write_report(library, tmp_path / "r.html", labels=tmp_path / "truth.csv"))
    assert "truth.csv" in page.text
    assert "2 labels" in page.text
    with pytest.raises(SettingError, match=r"no\.csv"):
        write_report(library, tmp_path / "r.html", labels=tmp_path / "no.csv")


def test_without_labels_there_are_no_scores(library, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(library.paths[:16]):
        (flat / f"{number}.png").write_bytes(path.read_bytes())
    settings = {name: value for name, value in library.settings.as_dict().items() if name != "n_clusters"}
    made = lookalike.build(flat, tmp_path / "flat.lookalike", **settings, n_clusters=2)
    _, page = read(write_report(made, tmp_path / "r.html"))
    assert "Scores" not in page.text
    assert "None: every file" in page.text


def test_the_silhouette_curve_is_shown_when_the_number_was_chosen(own_library, tmp_path, report):
    assert "silhouette" not in report[1].text
    library = own_library.cluster(n_clusters="auto")
    _, page = read(write_report(library, tmp_path / "r.html"))
    assert f"{len(library.cluster_names)} chosen" in page.text
    assert any("silhouette over clusters" in a["aria-label"] for a in page.all("svg"))


def test_images_of_no_cluster_are_counted_and_on_the_map(own_library, tmp_path):
    library = own_library.cluster(method="hdbscan", n_clusters="auto")
    alone = int((library.clusters < 0).sum())
    assert alone
    _, page = read(write_report(library, tmp_path / "r.html"))
    assert "in no cluster" in page.text
    assert json.loads(page.scripts[0])["clusters"]["-1"][0] == "none"


def test_a_library_that_is_not_finished_says_so(own_library, tmp_path):
    files = LibraryFolder(own_library.path)
    with files.writing():
        files.forget("clusters")
    with pytest.raises(LibraryError, match="not built to the end"):
        write_report(lookalike.open(own_library.path), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_it_is_not_written_into_the_folder_of_pictures(library, tmp_path):
    with pytest.raises(SettingError, match="never touched"):
        write_report(library, library.folder / "report.html")
    with pytest.raises(SettingError, match=r"\.html"):
        write_report(library, tmp_path / "report.pdf")


def test_the_map_holds_each_image_with_its_thumbnail(library):
    data = map_data(library)
    clusters = np.frombuffer(b64decode(data["cluster"]), "<i2")
    x = np.frombuffer(b64decode(data["x"]), "<u2")
    rows = [library.row(name) for name in data["files"]]
    assert sorted(rows) == list(range(len(library.images)))
    np.testing.assert_array_equal(clusters, library.clusters[rows])
    assert np.corrcoef(x, library.layout[rows, 0])[0, 1] > 0.999
    sheet, sizes = decode(b64decode(data["tiles"][0])), np.frombuffer(b64decode(data["sizes"]), np.uint8).reshape(-1, 2)
    for number, row in enumerate(rows[:40]):
        line, column = divmod(number, data["across"])
        width, height = sizes[number].tolist()
        tile = sheet[line * 64 : line * 64 + height, column * 64 : column * 64 + width]
        assert np.abs(tile.mean((0, 1)) - library.thumbnail(row).mean((0, 1))).max() < 6


def test_size_is_bounded_and_what_is_left_out_is_said(library, tmp_path, monkeypatch):
    monkeypatch.setattr(report_map, "MOST_POINTS", 30)
    monkeypatch.setattr(report_map, "MOST_THUMBNAILS", 10)
    monkeypatch.setattr(report_sections, "MOST_PICTURES", 3)
    monkeypatch.setattr(report_sections, "MOST_SKIPPED", 0)
    _, page = read(write_report(library, tmp_path / "r.html"))
    data = json.loads(page.scripts[0])
    assert len(data["files"]) == 30
    assert len(b64decode(data["sizes"])) == 20
    assert "the 30 most typical" in page.text
    assert "10 of them come with their picture" in page.text
    assert "the 3 largest" in page.text
    assert "1 are not" in page.text
    assert all(name in page.text for name in library.cluster_names.values())


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.02), (20, 24), (0, 123_456), (1e-6, 5e-6), (158.8, 159.4)])
def test_ticks_are_round_few_and_inside(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    assert low <= found[0]
    assert found[-1] <= high
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


def test_a_chart_draws_what_is_finite_and_points_out_what_was_chosen():
    chart = line_chart([2, 3, 4], [0.1, 0.4, float("nan")], title="a <b>", x_name="k", y_name="s", mark=3)
    page = Page(chart)
    assert page.open == []
    assert not page.all("b")
    assert len(page.all("polyline")[0]["points"].split()) == 2
    assert "3 chosen" in page.text
    assert line_chart([1], [float("inf")], title="t", x_name="x", y_name="y") == ""
    flat = line_chart([1, 2], [5, 5], title="t", x_name="x", y_name="y")
    assert "nan" not in flat
