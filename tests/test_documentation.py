"""What README and docs show can be typed: Python compiles, command lines parse, links and pictures are there."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

import lookalike
from lookalike import learn
from lookalike.cli import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")] if path.read_text(encoding="utf-8").strip())
GROUP = typer.main.get_command(app)
FENCED = re.compile(r"^ *```([a-z-]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`(lookalike [^`\n]+)`")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: [^)]*)?\)|\b(?:src|href)=\"([^\"]+)\"")
SHELLS = {"", "sh", "bash", "console", "text"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page, languages):
    return [code for language, code in FENCED.findall(page.read_text(encoding="utf-8")) if language in languages]


def prose(page):
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def command_lines(block, language):
    """The arguments of each ``lookalike`` in a block of shell: behind ``$ `` where it also shows what is printed."""
    block = re.sub(r"\\\n\s*", " ", block)
    typed = re.findall(r"^ *\$ (.*)$", block, re.MULTILINE)
    lines = typed if typed or language in {"", "text", "console"} else block.splitlines()
    for line in lines:
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words = list(words)
        starts = [at for at, word in enumerate(words) if word == "lookalike" and (at == 0 or words[at - 1] in "|&&;")]
        for start in starts:
            ends = (at for at in range(start, len(words)) if set(words[at]) <= set("|&;<>"))
            yield words[start + 1 : next(ends, len(words))]


def parse(arguments):
    """Reads a command line as the program would, and runs nothing; gives the command's name."""
    try:
        with GROUP.make_context("lookalike", list(arguments)) as context:
            name, command, rest = GROUP.resolve_command(context, [*context._protected_args, *context.args])
            command.make_context(name, rest, parent=context).close()
            return name
    except typer.Exit:
        return "--version or --help"
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        pytest.fail(f"lookalike {shlex.join(arguments)}: {getattr(error, 'message', None) or error}")


@each_page
def test_python_compiles(page):
    for code in blocks(page, {"python"}):
        compile(code, str(page), "exec")


@each_page
def test_command_lines_parse(page):
    for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        if language in SHELLS and page.name != "cli.md":
            for arguments in command_lines(block, language):
                parse(arguments)


@each_page
def test_commands_within_the_text_have_the_options_that_they_show(page):
    for span in SPAN.findall(prose(page)):
        _, *words = span.split()
        name = next((word for word in words if not word.startswith("-")), None)
        if name is None or name.isupper():
            known = [*GROUP.params, *(entry for command in GROUP.commands.values() for entry in command.params)]
        else:
            assert name in GROUP.commands, f"{span}: there is no command {name}"
            known = [*GROUP.params, *GROUP.commands[name].params]
        options = {"--help", "-h", *(option for entry in known for option in [*entry.opts, *entry.secondary_opts])}
        for word in words:
            if word.startswith("-") and word != "-":
                assert word in options, f"{span}: there is no option {word}"


@each_page
def test_links_lead_somewhere(page):
    for markdown, html in LINK.findall(prose(page)):
        target = (markdown or html).partition("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_a_wrong_line_would_be_found():
    assert [*command_lines("$ cat a.jpg | lookalike find L - -n 3 > out  # a note\nlookalike no\n", "console")] == [
        ["find", "L", "-", "-n", "3"]
    ]
    assert parse(["find", "L", "-", "-n", "3"]) == "find"
    for wrong in (["find", "L", "query.jpg", "--count", "3"], ["search", "L"], ["build"], ["cluster", "L", "-k", "K"]):
        with pytest.raises(pytest.fail.Exception):
            parse(wrong)


def test_the_pages_show_enough_to_check():
    lines = [line for page in PAGES for block in blocks(page, {"sh"}) for line in command_lines(block, "sh")]
    shown = {parse(arguments) for arguments in lines}
    assert set(GROUP.commands) - {"demo"} <= shown
    assert any(blocks(page, {"python"}) for page in PAGES)


def test_every_model_has_a_row():
    table = (DOCS / "guide" / "models.md").read_text(encoding="utf-8").split("## The models")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) == learn.names()


def test_every_public_name_is_in_the_reference():
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in lookalike.__all__:
        assert f"lookalike.{name}" in page or (name.endswith("Error") and "automodule:: lookalike.errors" in page)
