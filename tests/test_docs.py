"""The reference says what the commands say: every command, every option, in the words of its help."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import typer.main

from lookalike.cli import app

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
GROUP = typer.main.get_command(app)


def test_the_page_is_what_the_script_writes():
    spec = spec_from_file_location("cli_reference", DOCS / "cli_reference.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page() == PAGE, "run `python docs/cli_reference.py`"


def test_every_command_and_every_option_is_on_the_page():
    sections = dict(section.split("\n", 1) for section in PAGE.split("\n## ")[1:])
    assert list(sections) == ["lookalike", *(f"lookalike {name}" for name in GROUP.list_commands(None))]
    for heading, command in [("lookalike", GROUP), *((f"lookalike {name}", it) for name, it in GROUP.commands.items())]:
        for entry in command.params:
            for name in [*entry.opts, *entry.secondary_opts] if entry.param_type_name == "option" else [entry.metavar]:
                assert f"`{name}" in sections[heading], f"{heading} {name}"
