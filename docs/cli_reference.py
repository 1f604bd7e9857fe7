"""Writes docs/reference/cli.md from the commands themselves: ``python docs/cli_reference.py``."""

import inspect
from pathlib import Path
from typing import Any

import typer.main

from lookalike.cli import app

PAGE = Path(__file__).parent / "reference" / "cli.md"
HEAD = """# The command line

<!-- Written by docs/cli_reference.py; change the command's own help instead. -->

`lookalike`, or `python -m lookalike`. Results go to stdout, progress and messages to stderr. With `--json` a command
prints one JSON document on stdout and nothing else. Progress bars appear on anything that takes longer than two
seconds, and only when stderr is a terminal.

| exit | means |
|---|---|
| 0 | done |
| 1 | an error, said in one line on stderr; `--debug` shows the traceback |
| 2 | wrong usage |
| 130 | interrupted (Ctrl-C or SIGTERM); run the same command again, it goes on |

What `--json` prints:

```
build        {"library", "images", "skipped", "model", "clusters", "seconds": {"scan", ..., "total"}}
update       {"library", "added", "changed", "moved": {old name: new name}, "removed",
              "unreadable": {name: reason}, "images", "skipped", "seconds"}
find         [{"query", "matches": [{"rank", "file_name", "distance", "cluster"}]}]     cluster -1 is none
cluster      {"library", "method", "space", "n_clusters", "none", "kept", "clusters": [{"cluster", "name", "images",
              "typical"}], "modularity": {"k", "modularity", "kept"} or null}
map          {"library", "projection", "path"}
evaluate     {"images", "classes", "clusters", "acc", "nmi", "ari", "ami", "precision_at_10",
              "recall_at_10", "knn_accuracy", "knn_accuracy_10", "map"}
compare      {"folder", "labels", "path", "skipped": [{"model", "reason"}],
              "models": [{"model", "precision_at_10", "knn_accuracy", "map", "acc", "nmi", "ari", or without labels
              "view_agreement", "silhouette"; "train_seconds", "seconds", "peak_megabytes", "capped", "library"}]}
duplicates   [{"group", "kind": "exact" or "near", "images": [{"file_name", "distance", "width", "height", "bytes"}]}]
             the first image of a group is the one to keep
outliers     [{"rank", "file_name", "distance"}]
reconstruct  {"library", "path", "images"}
export       {"path", "rows"}; with --to folders also "dry_run" and "files": [{"source", "destination"}]
report       {"library", "path"}
serve        has no --json: it prints the address, and answers requests until it is interrupted
info         {"library", "folder", "created", "format_version", "settings", "seconds", "versions", "stages",
             "finished", "busy"}; with --skipped also "skipped": [{"file_name", "reason"}]
demo         {"pictures", "library", "scores", "search", "matches", "map", "comparison", "report"}
```
"""


def page() -> str:
    """The whole page, in Markdown."""
    group: Any = typer.main.get_command(app)
    parts = [HEAD, "## lookalike\n", _help(group), _table("option", group.params)]
    for name in group.list_commands(None):
        parts += [f"## lookalike {name}\n", *_command(name, group.commands[name])]
    return "\n".join(part for part in parts if part)


def _command(name: str, command: Any) -> list[str]:
    arguments = [entry for entry in command.params if entry.param_type_name == "argument"]
    options = [entry for entry in command.params if entry.param_type_name == "option"]
    words = ["lookalike", name, *map(_argument, arguments), *map(_required, options), "[OPTIONS]"]
    usage = "```\n" + " ".join(word for word in words if word) + "\n```\n"
    return [usage, _help(command), _table("argument", arguments), _table("option", options)]


def _argument(entry: Any) -> str:
    shown = f"{entry.metavar}..." if entry.nargs == -1 else entry.metavar
    return shown if entry.required else f"[{shown}]"


def _required(entry: Any) -> str:
    return f"{entry.opts[-1]} {entry.metavar}" if entry.required else ""


def _help(command: Any) -> str:
    return inspect.cleandoc(command.help) + "\n"


def _table(kind: str, entries: list[Any]) -> str:
    if not entries:
        return ""
    rows = [
        f"| {_names(entry)} | {(entry.help or '').replace('|', chr(92) + '|')}{_default(entry)} |" for entry in entries
    ]
    return "\n".join([f"| {kind} | |", "|---|---|", *rows]) + "\n"


def _names(entry: Any) -> str:
    if entry.param_type_name == "argument":
        return f"`{entry.metavar}`"
    metavar = f" {entry.metavar}".replace("|", r"\|") if entry.metavar else ""
    return ", ".join(f"`{name}{metavar}`" for name in [*entry.opts, *entry.secondary_opts])


def _default(entry: Any) -> str:
    if entry.default is None or isinstance(entry.default, (bool, Path)) or callable(entry.default) or entry.required:
        return ""
    return f" Default: {entry.default}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
