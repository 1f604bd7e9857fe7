"""The rules of docs/design/architecture.md that a machine can hold: imports point down, one door per library."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lookalike"
MODULES = sorted(SOURCE.rglob("*.py"))

LEVELS = {
    "errors": 0,
    **dict.fromkeys(["images", "learn", "organize", "search", "library", "metrics", "demo", "scale"], 1),
    **dict.fromkeys(["pipeline", "estimator"], 2),
    "show": 3,
    "cli": 4,
    **dict.fromkeys(["__init__", "__main__"], 5),
}
DOORS = {
    "torch": {"learn"},
    "PIL": {"images"},
    "pillow_heif": {"images"},
    "sklearn": {"organize", "estimator", "metrics"},
    "openTSNE": {"organize"},
    "umap": {"organize"},
    "faiss": {"search"},
    "pyarrow": {"library"},
    "filelock": {"library"},
    "matplotlib": {"show"},
    "fastapi": {"show"},
    "starlette": {"show"},
    "pydantic": {"show"},
    "uvicorn": {"show"},
    "cv2": {"learn"},
    "transformers": {"learn"},
    "huggingface_hub": {"learn"},
    "onnxruntime": {"learn"},
    "typer": {"cli"},
    "rich": {"cli"},
}
VAGUE = {"utils", "util", "core", "common", "base", "helpers", "misc"}


def part_of(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(module: Path) -> set[str]:
    """Every imported module's dotted name, also those inside functions."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_imports_point_down(module):
    here = part_of(module)
    for name in imports(module):
        if not name.startswith("lookalike.") or here == "__init__":
            continue
        there = name.split(".")[1]
        if there == "__version__" or there == here:
            continue
        assert LEVELS[there] < LEVELS[here], f"{here} (level {LEVELS[here]}) imports {there} (level {LEVELS[there]})"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_each_outside_library_has_one_door(module):
    for name in imports(module):
        outside = name.split(".")[0]
        if outside in DOORS:
            assert part_of(module) in DOORS[outside], f"{outside} is used in {module}, its door is {DOORS[outside]}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_files_stay_short_and_names_speak(module):
    assert len(module.read_text().splitlines()) <= 400
    assert not VAGUE & set(module.relative_to(SOURCE).with_suffix("").parts)
