"""The report: complete in itself, harmless whatever files are called, and telling all there is."""

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import parse_qs

import numpy as np
import pyarrow
import pytest

import lookalike
from lookalike.errors import LibraryError, SettingError
from lookalike.images import decode
from lookalike.library import LibraryFolder
from lookalike.show import answers, frozen, report_page, report_sections, write_report
from lookalike.show.charts import line_chart, ticks

VOID = {"meta", "img", "br", "line", "circle", "polyline"}
REQUESTS = ("src", "href", "srcset", "data", "action", "poster", "background", "ping", "formaction", "xlink:href")


SCRIPT = 'const text = "</script><!--";'
"""What stands for the script of the built page."""


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
            self.scripts.append((self.elements[-1][1], data))
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)

    @property
    def programs(self):
        """The scripts that a browser runs."""
        return [text for attributes, text in self.scripts if attributes.get("type") != "text/plain"]

    @property
    def answers(self):
        """What stands for a server's answers: each a dict, a table, or bytes, by its address."""
        return {a["data-answer"]: self._read(a["data-kind"], b64decode(t)) for a, t in self.scripts if "data-kind" in a}

    def _read(self, kind, data):
        if kind == frozen.JSON:
            return json.loads(data)
        return pyarrow.ipc.open_stream(data).read_pandas() if kind == answers.ARROW else data


def read(path):
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    return text, page


@pytest.fixture(scope="module", autouse=True)
def page_built(tmp_path_factory):
    """A page of one line, as if `make page` had made it."""
    folder = tmp_path_factory.mktemp("page")
    script = '<script type="module" crossorigin src="./index-1.js"></script>'
    (folder / "index.html").write_text(f'{script}<link rel="stylesheet" crossorigin href="./x.css">')
    (folder / "index-1.js").write_text(SCRIPT)
    (folder / "x.css").write_text("#page { color: red; }")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_page, "page_folder", lambda: folder)
        yield


@pytest.fixture
def not_built(monkeypatch):
    monkeypatch.setattr(report_page, "page_folder", lambda: None)


@pytest.fixture(scope="module")
def report(library, tmp_path_factory):
    return read(write_report(library, tmp_path_factory.mktemp("report") / "report.html"))


def test_it_asks_the_network_for_nothing(report):
    text, page = report
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text.split("<script")[0]))
    for tag, attributes in page.elements:
        for name in REQUESTS:
            assert attributes.get(name) is None or attributes[name].startswith(("data:image/jpeg;base64,", "#")), tag
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert "@import" not in text
    assert "url(" not in text


def test_its_policy_allows_its_own_scripts_alone(report):
    _, page = report
    allowed = policy(page)
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data: blob:"
    assert len(page.programs) == 2
    hashes = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in page.programs]
    assert allowed["script-src"].split() == hashes
    assert page.programs[-1] == SCRIPT.replace("<", "\\x3c")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def policy(page):
    said = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    return dict(part.split(" ", 1) for part in said.split("; "))


def test_where_the_page_was_not_built_the_map_is_a_picture(library, tmp_path, not_built):
    _, page = read(write_report(library, tmp_path / "r.html"))
    assert not page.scripts
    assert policy(page)["script-src"] == "'none'"
    assert "make page" in page.text
    assert any(a["alt"].startswith("Map of ") for a in page.all("img"))
    assert not page.all("a")
    assert not [a for _, a in page.elements if a.get("id") == "page"]


def test_its_links_lead_into_it(report, library):
    _, page = report
    links = {a["href"].removeprefix("#") for a in page.all("a")}
    ids = {a["id"] for _, a in page.elements if "id" in a}
    views = [parse_qs(link) for link in links - ids]
    assert {int(view["clusters"][0]) for view in views if "clusters" in view} == set(library.cluster_names)
    opened = {view["query"][0] for view in views if "query" in view}
    assert opened
    assert opened <= set(library.file_names)
    assert all("clusters" in view or "query" in view for view in views)


def test_file_names_are_text_and_never_elements(report, odd_names):
    text, page = report
    assert "<img src=x" not in text
    assert not [a for a in page.all("img") if a.get("src") == "x"]
    alts = {a["alt"] for a in page.all("img")}
    assert set(odd_names) <= set(page.answers["points"]["file_name"])
    assert any(odd_names[0] in alt for alt in alts)
    assert "broken <b>.jpg" in page.text
    assert not page.all("i")


def test_names_cannot_end_a_script(own_library, tmp_path):
    name = "x</script><script>alert(1)</script>"
    header = json.loads((own_library.path / "library.json").read_text())
    header["stages"]["clusters"]["facts"]["names"]["0"] = name
    (own_library.path / "library.json").write_text(json.dumps(header))
    _, page = read(write_report(lookalike.open(own_library.path), tmp_path / "r.html"))
    assert len(page.programs) == 2
    assert name in [entry["name"] for entry in page.answers["clusters"]["clusters"]]
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
    assert all(a.get("alt") for a in page.all("img"))
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
    _, page = read(write_report(library, tmp_path / "r.html", labels="innermost"))
    assert "the innermost sub-folders" in page.text
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


def test_the_modularity_curve_is_shown_when_the_number_was_chosen(own_library, tmp_path, report):
    assert "modularity" not in report[1].text
    library = own_library.cluster(n_clusters="auto")
    _, page = read(write_report(library, tmp_path / "r.html"))
    assert f"{len(library.cluster_names)} chosen" in page.text
    assert any("modularity over clusters" in a["aria-label"] for a in page.all("svg"))
    assert "now." not in page.text
    n = len(library.cluster_names)
    _, edited = read(write_report(library.merge([0, 1]), tmp_path / "edited.html"))
    assert f"The number of clusters, {n}, was" in edited.text
    assert f"There are {n - 1} now." in edited.text


def test_images_of_no_cluster_are_counted_and_on_the_map(own_library, tmp_path):
    library = own_library.cluster(method="hdbscan", n_clusters="auto")
    alone = int((library.clusters < 0).sum())
    assert alone
    _, page = read(write_report(library, tmp_path / "r.html"))
    assert "in no cluster" in page.text
    assert page.answers["clusters"]["none"] == alone
    assert (page.answers["points"]["cluster"] == -1).sum() == alone


def test_a_library_that_is_not_finished_says_so(own_library, tmp_path):
    files = LibraryFolder(own_library.path)
    with files.writing():
        files.forget("clusters")
    with pytest.raises(LibraryError, match="not built to the end"):
        write_report(lookalike.open(own_library.path), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_what_is_doubtful_of_the_training_stands_at_the_top(own_library, tmp_path, report):
    files = LibraryFolder(own_library.path)
    files.header["stages"]["model"]["facts"] |= {"capped": True, "steps": 7}
    (files.path / "library.json").write_text(json.dumps(files.header))
    _, page = read(write_report(lookalike.open(files.path), tmp_path / "r.html"))
    doubt = "the clock ended the training after 7 steps"
    assert doubt in page.text
    assert doubt in page.answers["training"]["doubts"][0]
    assert (report[1].answers["training"]["doubts"], "Beware" in report[1].text) == ([], False)


def test_it_is_not_written_into_the_folder_of_pictures(library, tmp_path):
    with pytest.raises(SettingError, match="never touched"):
        write_report(library, library.folder / "report.html")
    with pytest.raises(SettingError, match=r"\.html"):
        write_report(library, tmp_path / "report.pdf")


def test_the_answers_are_those_of_the_server(report, library, client):
    found = report[1].answers
    for address in ("clusters", "training", "scores", "state"):
        assert found[address] == client.get(f"/api/{address}").json()
    about = client.get("/api/library").json()
    assert {**found["library"], "layouts": about["layouts"]} == {
        **about,
        "folder": library.folder.name,
        "library": library.path.name,
    }
    for address in ("points", "likeness", *(f"layouts/{name}" for name in found["library"]["layouts"])):
        table = pyarrow.ipc.open_stream(client.get(f"/api/{address}").content).read_pandas()
        assert found[address].equals(table), address
    for row in (0, 7, 50):
        matches = client.get(f"/api/images/{row}/matches?n={frozen.MATCHES}").json()
        kept = found["matches"].iloc[row]
        np.testing.assert_allclose(kept["distances"], [match["distance"] for match in matches], atol=1e-4)
        assert kept["rows"][0] == row
        assert len({*kept["rows"].tolist()} - {match["row"] for match in matches}) <= 1, "but for ties at the end"
    assert found["atlas/0"] == client.get("/api/atlas/0").content


def test_every_image_has_a_thumbnail_and_some_a_reconstruction(report, library):
    found = report[1].answers
    for row, picture in enumerate(found["thumbnails"]["picture"]):
        thumbnail, kept = library.thumbnail(row), decode(picture)
        assert kept.shape == thumbnail.shape
        assert np.abs(kept.mean((0, 1)) - thumbnail.mean((0, 1))).max() < 8
    drawn = [address for address in found if address.endswith("/reconstruction")]
    assert len(drawn) == frozen.MOST_RECONSTRUCTED
    row = int(drawn[0].split("/")[1])
    seen = decode(found[drawn[0]])
    assert seen.shape == (library.model.size, 2 * library.model.size, 3)
    assert np.abs(seen[:, : library.model.size].mean((0, 1)) - library.pixels([row])[0].mean((0, 1))).max() < 4


def test_it_does_not_tell_where_on_the_disk_things_are(report, library):
    for name, answer in report[1].answers.items():
        text = json.dumps(answer) if isinstance(answer, dict) else str(answer)
        assert str(library.folder.parent) not in text, name
    assert str(library.folder.parent) not in report[0]


def test_layouts_that_the_library_holds_are_in_it(own_library, tmp_path):
    own_library.project("tsne")
    own_library.project("umap")
    _, page = read(write_report(own_library, tmp_path / "r.html"))
    assert page.answers["library"]["layouts"] == ["pca", "tsne", "umap", "grid"]
    kept = page.answers["layouts/umap"]
    np.testing.assert_array_equal(kept[["x", "y"]], own_library.project("umap"))


def test_size_is_bounded_and_what_is_left_out_is_said(library, tmp_path, monkeypatch):
    for module in (frozen, report_sections):
        monkeypatch.setattr(module, "MOST_IMAGES", 30)
    monkeypatch.setattr(report_sections, "MOST_PICTURES", 3)
    monkeypatch.setattr(report_sections, "MOST_SKIPPED", 0)
    monkeypatch.setattr(frozen, "MOST_BYTES", 1)
    monkeypatch.setattr(frozen, "SIDES", (48, 24))
    sheets = set((library.path / "working").rglob("sheets/*"))
    _, page = read(write_report(library, tmp_path / "r.html"))
    found = page.answers
    assert "the 30 most typical" in page.text
    assert "the 3 largest" in page.text
    assert "1 are not" in page.text
    assert all(name in page.text for name in library.cluster_names.values())
    rows = [library.row(name) for name in found["points"]["file_name"]]
    assert rows == sorted(rows)
    assert len(rows) == 30
    assert sorted(found["points"]["rank"]) == list(range(30))
    assert found["state"]["images"] == len(library.images)
    assert max(decode(found["thumbnails"]["picture"][0]).shape) == 24
    assert sum(entry["images"] for entry in found["clusters"]["clusters"]) == len(library.images)
    for entry in found["clusters"]["clusters"]:
        assert {library.clusters[rows[number]] for number in entry["typical"]} == {entry["cluster"]}
    distances = np.linalg.norm(library.embeddings[rows][:, None] - library.embeddings[rows][None], axis=2)
    for number in range(30):
        kept = found["matches"].iloc[number]
        np.testing.assert_allclose(kept["distances"], np.sort(distances[number])[: frozen.MATCHES], atol=1e-3)
    places = {tuple(place) for place in found["layouts/grid"][["x", "y"]].to_numpy()}
    assert len(places) == 30
    assert set((library.path / "working").rglob("sheets/*")) == sheets


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
