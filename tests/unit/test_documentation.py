"""What the documents and the project's files must keep saying of the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from archive_service.cli.serve import parser
from archive_service.config.format_settings import flag, variable
from archive_service.config.settings import Settings, is_secret
from archive_service.observe.prometheus import PrometheusSink

if sys.version_info >= (3, 11):
    import tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = sorted(Settings.model_fields)
SECRETS = [name for name, field in Settings.model_fields.items() if is_secret(field)]
MACHINES_OWN = ("photos_dir", "cache_dir")


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def table_rows(name: str) -> dict[str, str]:
    """Return the default of each variable in the table of settings."""
    return dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| ", text_of(name), re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_every_setting_is_documented_and_no_other(name: str) -> None:
    assert sorted(table_rows(name)) == sorted(map(variable, SETTINGS))


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
@pytest.mark.parametrize("setting", [s for s in SETTINGS if s not in (*MACHINES_OWN, *SECRETS)])
def test_documented_defaults_are_the_defaults(name: str, setting: str) -> None:
    default = Settings.model_fields[setting].default
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    if isinstance(default, bool):
        shown = "on" if default else "off"
    assert table_rows(name)[variable(setting)] == f"`{shown}`"


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["-h"])
    text = capsys.readouterr().out
    for setting in SETTINGS:
        assert (flag(setting) in text) is (setting not in SECRETS)
        assert f"[{variable(setting)}," in re.sub(r"\s+", " ", text)


def test_compose_passes_every_setting_on() -> None:
    compose = text_of("docker-compose.yml")
    for setting in SETTINGS:
        assert re.search(rf"^      {variable(setting)}: ", compose, re.MULTILINE)


def test_both_readmes_show_the_same_commands_and_tables() -> None:
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
