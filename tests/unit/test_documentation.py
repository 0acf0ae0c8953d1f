"""What the documents and the project's files must keep saying of the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from harness.tools import tool

from archive_service.cli import check, index
from archive_service.cli import list as list_command
from archive_service.cli.serve import parser
from archive_service.config.environment import checked_env_file
from archive_service.config.setting_docs import docs_of, flag, variable
from archive_service.config.settings import Settings, load_settings
from archive_service.observe.prometheus import PrometheusSink

if sys.version_info >= (3, 11):
    import tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = docs_of(Settings)
COMPOSE_FILES = [REPOSITORY / "docker-compose.yml", *(REPOSITORY / "deploy").glob("*compose*.yml")]


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def table_rows(name: str) -> dict[str, str]:
    """Return the default of each variable in a table of settings."""
    return dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| ", text_of(name), re.MULTILINE))


@pytest.mark.parametrize(
    "name", ["docs/settings.md", "docs/settings.ru.md", ".env.example", "docker-compose.yml"]
)
def test_what_is_made_of_the_settings_is_up_to_date(name: str) -> None:
    made = tool("setting_files").FILES[name](text_of(name))
    assert text_of(name) == made, "run: poetry run python tools/setting_files.py"


@pytest.mark.parametrize("name", ["docs/settings.md", "docs/settings.ru.md"])
def test_every_setting_is_documented_and_no_other(name: str) -> None:
    assert list(table_rows(name)) == list(map(variable, SETTINGS))


def test_both_readmes_have_the_settings_that_most_people_set() -> None:
    english, russian = table_rows("README.md"), table_rows("README.ru.md")
    assert list(english) == list(russian)
    assert len(english) == 10
    for name, default in english.items():
        if name != "PHOTOS_DIR":
            assert default == russian[name] == f"`{SETTINGS[name.lower()].default_text}`"


@pytest.mark.parametrize("name", SETTINGS)
def test_the_words_of_a_setting_keep_their_form(name: str) -> None:
    doc = SETTINGS[name]
    assert doc.summary
    assert not doc.summary.endswith(".")
    assert ";" not in doc.summary  # where completions cut the text of -h
    assert doc.russian.endswith(".")
    assert doc.details.endswith(".") or not doc.details
    assert "\n" not in doc.summary + doc.details + doc.russian


def test_every_line_of_the_example_is_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(variable(name), raising=False)
    lines = re.sub(r"^#([A-Z0-9_]+=)", r"\1", text_of(".env.example"), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(lines)
    (tmp_path / "test_photos").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = load_settings({})
    assert set(map(variable, SETTINGS)) <= set(re.findall(r"^([A-Z0-9_]+)=", lines, re.MULTILINE))
    assert settings.rate_limit == 50_000_000
    assert settings.signing_keys == ()


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["-h"])
    text = capsys.readouterr().out
    for setting, doc in SETTINGS.items():
        assert (flag(setting) in text) is not doc.is_secret
        assert f"[{variable(setting)}," in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("command", [check, index, list_command])
def test_help_of_other_commands_is_of_one_screen(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(["-h"])
    text = capsys.readouterr().out
    assert "archive-service serve -h" in text
    assert "exit status:\n  0  " in text
    assert len(text.splitlines()) <= 50
    known = {action for made in command.parser()._actions for action in made.option_strings}
    assert {flag(name) for name, doc in SETTINGS.items() if not doc.is_secret} <= known


def test_compose_passes_every_setting_on() -> None:
    compose = text_of("docker-compose.yml")
    for setting in SETTINGS:
        assert re.search(rf"^      {variable(setting)}: ", compose, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(COMPOSE_FILES), ids=lambda p: p.name)
def test_no_variable_of_compose_is_taken_for_a_misspelt_setting(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = set(re.findall(r"\$\{(\w+)", path.read_text())) - set(map(variable, SETTINGS))
    assert names or path.name == "docker-compose.host.yml"  # which has settings alone
    (tmp_path / ".env").write_text("".join(f"{name}=1\n" for name in names))
    monkeypatch.chdir(tmp_path)
    checked_env_file(SETTINGS)


def test_both_readmes_show_the_same_commands() -> None:
    def skeleton(name: str) -> list[str]:
        lines = text_of(name).splitlines()
        return [re.sub(r"\s+#.*", "", line) for line in lines if line.startswith("    ")][:8]

    assert skeleton("README.md") == skeleton("README.ru.md")


def test_the_lock_file_names_no_host() -> None:
    assert "://" not in text_of("poetry.lock")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")
def test_poetry_installs_what_the_tests_need() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    extra = project["project"]["optional-dependencies"]["test"]
    group = project["tool"]["poetry"]["group"]["dev"]["dependencies"]
    for requirement in extra:
        found = re.fullmatch(r"([\w-]+)(?:\[(.*)\])?(.*)", requirement)
        assert found is not None
        name, extras, limits = found.groups()
        wanted = {"version": limits, "extras": extras.split(",")} if extras else limits
        assert group[name] == wanted


def test_every_metric_is_documented() -> None:
    text = PrometheusSink(lambda: 0, downloads_limit=1).text(is_ready=True).decode()
    names = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    documented = set(
        re.findall(r"^\| `(archive_\w+)`", text_of("docs/operations.md"), re.MULTILINE)
    )
    assert documented == names


def test_both_documents_for_operators_show_the_same_commands_and_tables() -> None:
    def skeleton(name: str) -> list[str]:
        text = text_of(name)
        first_cells = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
        return first_cells + re.findall(r"```sh\n.*?```", text, re.DOTALL)

    assert skeleton("docs/operations.md") == skeleton("docs/operations.ru.md")


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/architecture.md", "docs/testing.md"])
def test_the_tests_that_a_document_names_exist(name: str) -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", text_of(name))
    assert named
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_the_rooms_of_the_picture_have_what_it_names() -> None:
    picture = text_of("docs/architecture.md").partition("## Rooms")[2].partition("A room may")[0]
    named = re.findall(r"\(([a-z0-9_/, ]+)\)", picture)
    names = {name.strip().rstrip("/") for group in named for name in group.split(",")}
    package = REPOSITORY / "archive_service"
    there = {path.stem for path in package.rglob("*") if "__pycache__" not in path.parts}
    assert len(names) > 20
    assert names - there == set()


def test_the_modules_that_architecture_names_exist() -> None:
    text = text_of("docs/architecture.md")
    rooms = "cli|config|web|transfer|checksums|storage|observe|archive|http"
    named = re.findall(rf"`(?:archive_service/)?((?:{rooms})/[\w/.]+)`", text)
    package = REPOSITORY / "archive_service"
    example = "checksums/crc_index/mysql.py"
    assert len(named) > 40
    assert [path for path in named if path != example and not (package / path).exists()] == []


def test_the_files_that_architecture_names_without_their_room_exist() -> None:
    named = re.findall(r"`(\w+\.(?:py|c|h))`", text_of("docs/architecture.md"))
    places = (REPOSITORY / room for room in ("archive_service", "tests", "tools"))
    there = {path.name for place in places for path in place.rglob("*.*")}
    assert len(named) > 20
    assert set(named) - there == {"main.py"}  # beside the rooms
