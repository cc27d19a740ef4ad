"""What the pages show exists: links, options, commands, scripts and their arguments."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema_rs import validate
from ruamel.yaml import YAML

from hubv1.cli.main import COMMANDS, command_of
from hubv1.commands import Commands
from hubv1.config import OPTIONS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MITMDUMP = Path(sys.executable).with_name("mitmdump")

# The programs whose arguments are looked at, and the parser that each has.
PROGRAMS = {
    "scripts/run": "mitmdump",
    "hub-v1-bridge run": "mitmdump",
    "hub-v1-bridge check": "mitmdump",
    "hub-v1-bridge report": "report",
    "hub-v1-bridge scan": "scan",
    "mitmdump": "mitmdump",
    "scripts/report": "report",
    "scripts/prove": "prove",
    "hub-v1-bridge prove": "prove",
    "hub-v1-bridge facts": "facts",
    "scripts/scan": "scan",
    "hub-v1-report": "report",
    "scripts/test": "test",
}


def name_of(page: Path) -> str:
    return page.name


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_every_page_is_linked_from_readme(page: Path) -> None:
    assert f"](docs/{page.name}" in text_of(README)


def test_the_index_leads_to_every_symptom() -> None:
    index = text_of(ROOT / "docs" / "README.md")
    headings = re.findall(r"^## (.*)$", text_of(ROOT / "docs" / "troubleshooting.md"), re.MULTILINE)
    for heading in headings:
        [anchor] = anchors(f"## {heading}")
        assert f"](troubleshooting.md#{anchor})" in index


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(page))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        leads_to = (page.parent / path).resolve() if path else page
        assert leads_to.is_file(), target
        assert not anchor or anchor in anchors(text_of(leads_to)), target


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_of_the_bridge_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bhub_(?!v1_)[a-z_]+\b(?!\.py)", text_of(page)))
    assert named <= {option.name for option in OPTIONS}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_the_bridge_that_is_named_exists(page: Path) -> None:
    commands = {
        member.command_name for member in vars(Commands).values() if hasattr(member, "command_name")
    }
    named = set(re.findall(r"`(hub\.[a-z.]+)[ `]", text_of(page)))
    assert {each for each in named if not each.endswith(".com")} <= commands


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_program_that_is_named_exists(page: Path) -> None:
    for script in re.findall(r"\bscripts/(\w+)", text_of(page)):
        assert (ROOT / "scripts" / script).exists(), script
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for program in re.findall(
        r"(?<![\w/.-])hub-v1-(?:bridge|report)(?:-\w+)*(?![\w-])", commands_in(page)
    ):
        assert program in project["scripts"], program
    # The image and the container of docs/container.md have that name too.
    named = re.findall(r"hub-v1-bridge(?:\)\")? ([a-z][\w-]+)", commands_in(page))
    assert {*named} <= {*COMMANDS, "hub-v1-bridge"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_argument_that_is_shown_exists(page: Path) -> None:
    for program, arguments in calls_in(page):
        known = known_to(PROGRAMS[program])
        for argument in arguments:
            for flag in flags_in(argument):
                assert flag in known, f"{program} {flag}"
        for name in settings_in(arguments):
            assert name in known_options(), f"--set {name}"


def commands_in(page: Path) -> str:
    """All that is shown as code which somebody could type."""
    text = text_of(page).replace("\\\n", " ")
    blocks = re.findall(r"```(?:console|yaml|sh|bash)\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(text))
    return "\n".join([*blocks, *spans])


def calls_in(page: Path) -> list[tuple[str, list[str]]]:
    """The programs that are called on the page, each with its arguments."""
    names = "|".join(re.escape(program) for program in PROGRAMS)
    begins = r"(?:^|\$ +|\bsudo +|\b\w+=\S+ +|[|&;({] *)"
    call = rf"{begins}({names})((?: [^\n]*)?)$"
    found = re.findall(call, commands_in(page), re.MULTILINE)
    return [(program, words_of(rest)) for program, rest in found]


def words_of(rest: str) -> list[str]:
    """The arguments of a command line, up to what belongs to the shell or to the reader."""
    rest = re.split(r"(?:^| )#|[;|&>)]", re.sub(r"'[^']*'", "QUOTED", rest))[0]
    return rest.replace("[", " ").replace("]", " ").replace('"', "").split()


def flags_in(argument: str) -> list[str]:
    """The options in an argument; short ones may be run together."""
    if argument.startswith("--"):
        return [argument.partition("=")[0]]
    return (
        [f"-{letter}" for letter in argument[1:]] if re.fullmatch(r"-[a-zA-Z]+", argument) else []
    )


def settings_in(arguments: list[str]) -> list[str]:
    return [value.partition("=")[0] for flag, value in pairwise(arguments) if flag == "--set"]


@cache
def known_to(kind: str) -> frozenset[str]:
    if kind in COMMANDS:
        return flags_of(kind)
    if kind == "test":
        help_text = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
        return frozenset(re.findall(r"^  (--[\w-]+)", help_text, re.MULTILINE))
    return frozenset(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", said("--help"))) | flags_of("run")


def flags_of(command: str) -> frozenset[str]:
    """The options of a command of the program."""
    return frozenset(flag for option in command_of(command).params for flag in option.opts)


@cache
def known_options() -> frozenset[str]:
    ours = {option.name for option in OPTIONS}
    return frozenset(re.findall(r"^(\w+):", said("--options"), re.MULTILINE)) | ours | {"name"}


@cache
def said(argument: str) -> str:
    # `--help` ends with 1.
    done = subprocess.run([MITMDUMP, argument], capture_output=True, text=True, check=False)
    return str(done.stdout)


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_a_form_for_issues_is_one_that_github_shows(form: Path) -> None:
    vendored = resources.files("check_jsonschema.builtin_schemas.vendor")
    known = vendored / "github-issue-forms.json"
    content = YAML(typ="safe").load(form)
    validate(json.loads(known.read_text(encoding="utf-8")), content)
    fields = [each for each in content["body"] if each["type"] != "markdown"]
    ids = [each["id"] for each in fields]
    labels = [each["attributes"]["label"] for each in fields]
    assert len({*ids}) == len(ids)
    assert len({*labels}) == len(labels)
    assert any(each.get("validations", {}).get("required") for each in fields)


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_a_form_for_issues_names_pages_programs_and_commands_that_there_are(form: Path) -> None:
    text = text_of(form)
    for target in re.findall(r"\]\((.*?)\)", text):
        path, _, anchor = target.removeprefix("../blob/HEAD/").partition("#")
        assert (ROOT / path).is_file(), target
        assert not anchor or anchor in anchors(text_of(ROOT / path)), target
    for program, command in re.findall(r"`(scripts/\w+|hub-v1-bridge) ?([\w-]*)", text):
        if program == "hub-v1-bridge":
            assert command in {*COMMANDS, "--version"}
        else:
            assert (ROOT / program).exists()


def test_who_has_trouble_is_asked_for_version_and_check() -> None:
    text = text_of(next(form for form in FORMS if form.name == "trouble.yml"))
    for asked in ("hub-v1-bridge --version", "scripts/run --check", "hub-v1-bridge check"):
        assert f"`{asked}`" in text


def test_the_arguments_that_are_looked_at_are_many() -> None:
    """So that nothing above is true for want of anything to look at."""
    shown = [argument for page in PAGES for _, each in calls_in(page) for argument in each]
    assert sum(argument.startswith("-") for argument in shown) > 40
    assert shlex.split("scripts/run --check")[1] in shown
