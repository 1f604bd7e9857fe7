"""The page in the report: the built one, with its styles and its script within the document."""

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lookalike.show.server import page_folder

THEME = "document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"
"""Says before anything is drawn that scripts run, and in which colours; the page's own script does so later."""


@dataclass(frozen=True)
class Page:
    """What of the built page stands in a document."""

    style: str
    script: str

    @property
    def scripts(self) -> str:
        """The element with the script; it begins once the whole document is read."""
        return f'<script type="module">{self.script}</script>'

    @property
    def allowed(self) -> str:
        """The scripts that may run, as a Content-Security-Policy names them."""
        hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in (THEME, self.script))
        return " ".join(f"'sha256-{found}'" for found in hashes)


def built_page() -> Page | None:
    """The page as `make page` built it; None where it was not built."""
    folder = page_folder()
    if folder is None:
        return None
    index = (folder / "index.html").read_text(encoding="utf-8")
    style = _linked(folder, index, r'<link rel="stylesheet"[^>]* href="\./([^"]+)"')
    return Page(style, _harmless(_linked(folder, index, r'<script type="module"[^>]* src="\./([^"]+)"')))


def _linked(folder: Path, index: str, pattern: str) -> str:
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in re.findall(pattern, index))


def _harmless(script: str) -> str:
    """The script without what would end its element, or hide its end; in JavaScript's texts it stays the same."""
    return re.sub(r"<(?=/script|script|!--)", r"\\x3c", script, flags=re.IGNORECASE)
