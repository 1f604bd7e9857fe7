"""What a user may call: listed, importable, documented, and cheap to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lookalike

SOURCE = Path(__file__).parents[1] / "src" / "lookalike"
MODULES = sorted(SOURCE.rglob("*.py"))
PUBLIC = [
    "Comparison",
    "FolderError",
    "ImageEncoder",
    "ImageError",
    "Library",
    "LibraryBusyError",
    "LibraryError",
    "LibraryVersionError",
    "LookalikeError",
    "MissingExtraError",
    "ModelError",
    "SettingError",
    "build",
    "compare",
    "open",
]
HEAVY = [
    "numpy",
    "torch",
    "pandas",
    "sklearn",
    "scipy",
    "matplotlib",
    "umap",
    "faiss",
    "pyarrow",
    "PIL",
    "fastapi",
    "uvicorn",
]


def test_the_list_is_the_one_that_is_documented():
    assert sorted(lookalike.__all__) == PUBLIC
    assert dir(lookalike) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_each_can_be_imported(name):
    namespace = {}
    exec(f"from lookalike import {name}", namespace)
    assert namespace[name].__doc__
    assert namespace[name] is getattr(lookalike, name)


def test_nothing_else_is_there():
    with pytest.raises(AttributeError, match="module 'lookalike' has no attribute 'resnet'"):
        _ = lookalike.resnet
    with pytest.raises(ImportError):
        exec("from lookalike import resnet")


def test_every_error_is_of_one_tree():
    errors = [getattr(lookalike, name) for name in PUBLIC if name.endswith("Error")]
    assert all(issubclass(error, lookalike.LookalikeError) for error in errors)
    assert issubclass(lookalike.SettingError, ValueError)
    assert issubclass(lookalike.LibraryBusyError, lookalike.LibraryError)


def loaded_by(statement):
    program = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    "statement",
    ["import lookalike", "import lookalike; lookalike.LibraryError", "from lookalike import SettingError"],
)
def test_importing_costs_nothing(statement):
    assert not set(loaded_by(statement)) & set(HEAVY)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert lookalike.__version__ == version("lookalike")


def public_definitions(module):
    """Every function, class and method of a module whose name and whose holders' names do not begin with `_`."""

    def walk(node, prefix):
        for child in node.body:
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if child.name.startswith("_"):
                continue
            yield f"{prefix}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")

    yield from walk(ast.parse(module.read_text(encoding="utf-8")), "")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SOURCE)))
def test_everything_public_is_documented(module):
    lacking = [name for name, node in public_definitions(module) if not ast.get_docstring(node)]
    assert not lacking
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


UNSAID = {"decode: SettingError", "draw_text: SettingError", "encode_jpeg: SettingError"}
"""Raised, but not said yet in the docstrings of `images`."""


def offered(module):
    """Whether a name of this module is for other parts: it is in its part's ``__all__``, or the part is one file."""
    package = module.parent / "__init__.py"
    if module.parent == SOURCE:
        return lambda name: True
    listed = next(
        (ast.literal_eval(node.value) for node in ast.parse(package.read_text(encoding="utf-8")).body
         if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"),
        [],
    )  # fmt: skip
    return lambda name: name.partition(".")[0] in listed


def raised_by(node):
    """Names of the errors of the tree that a function's own body raises."""
    for part in ast.walk(node):
        if isinstance(part, ast.Raise) and isinstance(part.exc, ast.Call) and isinstance(part.exc.func, ast.Name):
            yield part.exc.func.id


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SOURCE)))
def test_errors_that_are_raised_are_documented(module):
    """What other parts call names in its docstring, or its class's, each error that its own body raises."""
    definitions, is_offered = dict(public_definitions(module)), offered(module)
    lacking = set()
    for name, node in definitions.items():
        if isinstance(node, ast.ClassDef) or not is_offered(name):
            continue
        holder = definitions.get(name.rpartition(".")[0])
        said = (ast.get_docstring(node) or "") + ((holder and ast.get_docstring(holder)) or "")
        lacking |= {f"{name}: {error}" for error in raised_by(node) if error in PUBLIC and error not in said}
    assert not lacking - UNSAID
