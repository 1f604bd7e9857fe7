"""How Sphinx builds the documentation: ``make docs``. Nothing is fetched, neither to build it nor to read it."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

import lookalike

HERE = Path(__file__).parent
LINK = re.compile(r"\]\((\.\./[^)#]+)\)")

HIDDEN_COLON = "\ue000"

project = "Lookalike"
author = "the authors of Lookalike"
version = release = lookalike.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]

html_theme = "furo"
html_title = f"Lookalike {release}"
html_show_sphinx = html_show_copyright = False
html_math_renderer = "mathml"
html_static_path = html_css_files = ["style.css"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_ivar = True


def setup(app: Any) -> None:
    """Formulas become MathML, which browsers draw by themselves; files outside this folder can be taken along."""
    app.connect("source-read", _link_files_outside)
    app.connect("autodoc-process-docstring", _hide_colon, priority=400)
    app.connect("autodoc-process-docstring", _show_colon, priority=600)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_display, None))


def _link_files_outside(app: Any, page: str, source: list[str]) -> None:
    """A link that leaves docs/ (to a table of measurements, say) leads to a copy of the file."""
    place = (HERE / page).parent

    def outside(found: re.Match[str]) -> str:
        inside = (place / found[1]).resolve().is_relative_to(HERE)
        return found[0] if inside else f"](path:{found[1]})"

    source[0] = LINK.sub(outside, source[0])


def _hide_colon(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """napoleon, which comes next, would take what stands before a colon in a property's first line for its type."""
    if what == "property":
        lines[0] = lines[0].replace(":", HIDDEN_COLON)


def _show_colon(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line.replace(HIDDEN_COLON, ":") for line in lines]


def _inline(page: Any, node: nodes.math) -> None:
    page.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _display(page: Any, node: nodes.math_block) -> None:
    page.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode
