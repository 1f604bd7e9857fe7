"""The sections of the report, each a function from the library to HTML; a section with nothing to say is empty."""

import json
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from lookalike.errors import SettingError
from lookalike.images import encode_jpeg
from lookalike.learn import elsewhere
from lookalike.pipeline import Library
from lookalike.pipeline.settings import Settings
from lookalike.show.charts import line_chart
from lookalike.show.frozen import MOST_IMAGES
from lookalike.show.palette import colour
from lookalike.show.plots import TITLES, map_pixels

MOST_PICTURES = 600
"""Images of clusters in a report, all clusters together."""
MOST_SKIPPED = 1_000
RECONSTRUCTED, FEWEST_STEPS = 9, 3
SCORES = {
    "acc": ("Accuracy of the clusters", "share of images in the right cluster, clusters matched to labels one to one"),
    "nmi": ("Normalised mutual information", "how much the clusters tell about the labels"),
    "ari": ("Adjusted Rand index", "agreement on pairs of images; 0 is chance"),
    "ami": ("Adjusted mutual information", "how much the clusters tell about the labels; 0 is chance"),
    "precision_at_10": ("Precision at 10", "share of an image’s ten nearest that have its label"),
    "recall_at_10": ("Recall at 10", "share of the images of its label that are among an image’s ten nearest"),
    "knn_accuracy": ("Nearest neighbour", "share of images whose nearest has their label"),
    "knn_accuracy_10": ("Majority of ten", "share of images whose label most of their ten nearest have"),
    "map": ("Mean average precision", "over the full ranking, those of the same label first"),
}


def map_section(library: Library, *, moves: bool) -> str:
    """The map as a picture: all there is of it where the page is not built, what is printed where it is."""
    n_images, projection = len(library.clusters), library.info()["stages"]["map"]["projection"]
    said = f"Images that look alike lie close together ({TITLES.get(projection, projection)})."
    if not moves:
        said += " With the page built (`make page` where Lookalike comes from its sources), one can move about in it."
    alt = f"Map of {n_images:,} images in {len(library.cluster_names):,} clusters, laid out by likeness"
    return _section("Map", said, _picture(encode_jpeg(map_pixels(library, 1200), 80), alt))


def left_out(library: Library) -> str:
    """What a report of very many images does not show; empty when it shows all."""
    n_images = len(library.clusters)
    if n_images <= MOST_IMAGES:
        return ""
    return (
        f" Of the {n_images:,} images, the {MOST_IMAGES:,} most typical of their clusters are on the map; matches are "
        "among these."
    )


def clusters_section(library: Library, *, moves: bool) -> str:
    """Every cluster with its name, its size and its most typical images, as many as there is room for.

    With a map to move in, a click on an image opens it there, and a click on a name shows the cluster alone.
    """
    names, sizes = library.cluster_names, np.bincount(library.clusters[library.clusters >= 0], minlength=1)
    if not names:
        return _section("Clusters", "No clusters were found: every image is in none.", "")
    each = int(np.clip(MOST_PICTURES // len(names), 1, 12))
    typical, file_names = library.typical(each), library.file_names
    parts, left = [], MOST_PICTURES
    for number, name in sorted(names.items()):
        rows = typical.get(number, np.empty(0, np.int64))[:left]
        left -= len(rows)
        size = int(sizes[number]) if number < len(sizes) else 0
        pictures = "".join(
            f"<li>{_linked(_picture(_thumbnail(library, row), file_names[row]), moves, query=file_names[row])}</li>"
            for row in rows
        )
        share = size / len(library.clusters)
        title = _linked(f"{_spot(number)}{escape(name)}", moves, clusters=number)
        parts.append(
            f'<article class="entry"><div><h3>{title}</h3><p>{_count(size, "image")} · {share:.1%}</p></div>'
            f'<ul class="pictures">{pictures}</ul></article>'
        )
    said = "The most typical images of each cluster, those nearest to its centre first."
    if moves:
        said += " Click one to see on the map what looks like it."
    if len(names) > MOST_PICTURES:
        said += f" Pictures are shown for the {MOST_PICTURES} largest."
    return _section("Clusters", said, "".join(parts))


def curves_section(library: Library) -> str:
    """Why so many clusters, and how the training went."""
    facts, charts, said = library.info()["stages"]["clusters"], [], []
    if curve := facts.get("modularity"):
        best, now = curve["modularity"].index(max(curve["modularity"])), len(library.cluster_names)
        chosen = curve["k"][best]
        charts.append(
            line_chart(
                *(curve["k"], curve["modularity"]),
                title="How many clusters",
                x_name="clusters",
                y_name="modularity",
                mark=chosen,
            )
        )
        said.append(
            f"The number of clusters, {chosen}, was chosen from this curve of the modularity, −0.5 to 1: what share of "
            "the links between neighbours lies within clusters, less what chance would put there. The highest point is "
            f"taken.{f' There are {now} now.' * (now != chosen)}"
        )
    history = library.model.history
    steps = history.get("step", [])
    for term in (name for name in history if name not in ("step", "seconds") and len(steps) >= FEWEST_STEPS):
        title = f"Training: {term.replace('_', ' ')}"
        charts.append(line_chart(steps, history[term], title=title, x_name="steps", y_name="loss"))
    if len(steps) >= FEWEST_STEPS:
        said.append("The training curves show each term of the loss; lower is better.")
    charts = [chart for chart in charts if chart]
    return _section("Evidence", " ".join(said), f'<div class="charts">{"".join(charts)}</div>') if charts else ""


def reconstructions_section(library: Library) -> str:
    """Originals above what the model makes of them, one of each of the largest clusters."""
    if not library.model.decodes or not library.cluster_names:
        return ""
    ranked = library.typical(RECONSTRUCTED).values()
    rows = [rows[place] for place in range(RECONSTRUCTED) for rows in ranked if place < len(rows)][:RECONSTRUCTED]
    seen = library.pixels(rows)
    names = library.file_names[rows]
    figures = "".join(
        f"<figure>{_picture(encode_jpeg(before, 90), f'{name}, as the model sees it')}"
        f"{_picture(encode_jpeg(after, 90), f'{name}, as the model draws it')}</figure>"
        for before, after, name in zip(seen, library.model.reconstruct(seen), names, strict=True)
    )
    said = (
        f"Above, images as the model sees them, {library.model.size} pixels a side; below, what it draws from the "
        f"{library.model.dim} numbers that it keeps of each."
    )
    return _section("Reconstructions", said, f'<div class="beneath">{figures}</div>')


def scores(library: Library, labels: str | Path | None) -> dict[str, Any] | None:
    """Scores against the labels; None when none were asked for and the sub-folders give none."""
    if labels is not None:
        return library.evaluate(labels)
    try:
        return library.evaluate("folders")
    except SettingError:
        return None


def scores_section(found: dict[str, Any] | None, labels: str | Path | None) -> str:
    """How well clusters and search agree with labels that the training never saw."""
    if found is None:
        return ""
    subfolders = {"folders": "the names of the sub-folders", "innermost": "the names of the innermost sub-folders"}
    source = str(labels or "folders")
    of = subfolders.get(source, Path(source).name)
    rows = "".join(
        f'<tr><th scope="row">{title}<span class="note">{told}</span></th><td class="amount">{found[key]:.3f}</td>'
        f'<td class="wide"><span class="track">{_bar(found[key])}</span></td></tr>'
        for key, (title, told) in SCORES.items()
        if found.get(key) is not None
    )
    said = (
        f"{found['clusters']:,} clusters and the search, held against labels that the model never saw: {of}, "
        f"{_count(found['classes'], 'label')} of {_count(found['images'], 'image')}. 1 is perfect."
    )
    return _section("Scores", said, f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>')


def skipped_section(library: Library) -> str:
    """Files that look like pictures and could not be read, with the reasons."""
    skipped = library.skipped
    if skipped.empty:
        return _section("Skipped files", "None: every file that looks like a picture could be read.", "")
    said = f"{_count(len(skipped), 'file')} that {'looks' if len(skipped) == 1 else 'look'} like pictures"
    said += " could not be read."
    if len(skipped) > MOST_SKIPPED:
        said += f" The first {MOST_SKIPPED:,} are listed, {len(skipped) - MOST_SKIPPED:,} are not."
    table = _table(skipped[["file_name", "reason"]].head(MOST_SKIPPED).itertuples(index=False), ["File", "Reason"])
    return _section("Skipped files", said, f'<div class="scroll long" tabindex="0">{table}</div>')


def making_section(library: Library) -> str:
    """Seconds, settings and versions, and the line that does it again."""
    seconds = library.seconds()
    longest = max(max((value for name, value in seconds.items() if name != "total"), default=0), 1e-9)
    times = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="amount">{duration(value)}</td>'
        f'<td class="wide">{"" if name == "total" else _bar(value / longest)}</td></tr>'
        for name, value in seconds.items()
    )
    settings = library.settings.as_dict()
    settings["model"] = elsewhere.without_place(settings["model"])
    facts = {**settings, **library.info()["versions"], "library format": library.info()["format_version"]}
    changed = {name: value for name, value in settings.items() if value != getattr(Settings(), name)}
    arguments = "".join(f", {name}={value!r}" for name, value in changed.items())
    told = _table([(name, _said(value)) for name, value in facts.items()], [])
    return _section(
        "How it was made",
        "The same folder, settings and machine give the same library"
        + ("." if not settings["minutes"] else ", but for the training, which a clock ended."),
        f'<div class="columns"><div class="scroll"><table><tbody>{times}</tbody></table></div>'
        f'<div class="scroll">{told}</div></div>'
        f"<pre><code>{escape(f'lookalike.build({library.folder.name!r}{arguments})')}</code></pre>",
    )


def duration(seconds: float) -> str:
    """A time as people say it: 0.42 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _said(value: Any) -> str:
    if value is None:
        return "not set"
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _section(title: str, said: str, content: str) -> str:
    name = "section-" + title.lower().replace(" ", "-")
    head = f'<h2 id="{name}">{escape(title)}</h2><p>{escape(said)}</p>'
    return f'<section aria-labelledby="{name}">{head}{content}</section>'


def _table(rows: Iterable[Any], heads: list[str]) -> str:
    head = f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in heads)}</tr></thead>" if heads else ""
    body = "".join(f'<tr><th scope="row">{escape(first)}</th><td>{escape(second)}</td></tr>' for first, second in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _linked(content: str, moves: bool, **view: Any) -> str:
    """A link into the map, to the view of these words of its address."""
    return f'<a href="#{escape(urlencode(view))}">{content}</a>' if moves else content


def _thumbnail(library: Library, row: int) -> bytes:
    return library.thumbnails.jpeg(int(library.slots[row]))


def _picture(jpeg: bytes, alt: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'


def _bar(share: float) -> str:
    return f'<span class="share" style="width:{np.clip(share, 0, 1):.1%}"></span>'


def _spot(number: int) -> str:
    return f'<span class="spot" style="background:{colour(number)}"></span>'


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
