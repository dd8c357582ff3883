"""Documentation is tested: what it lists is what there is."""

import re
import tomllib
from pathlib import Path

import pytest

from schema.errors import TEXTS

ROOT = Path(__file__).parents[1]


def test_every_code_has_its_line() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    missing = [code for code in TEXTS if f"`{code}`" not in text]
    assert missing == []


def test_no_code_is_told_that_is_not_there() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)}
    assert told == set(TEXTS)


def test_every_setting_is_told() -> None:
    used = set(re.findall(r"GIAMSAT_[A-Z_]+", (ROOT / "casework" / "wiring.py").read_text()))
    told = (ROOT / "docs" / "settings.md").read_text()
    assert used
    assert [name for name in used if f"`{name}`" not in told] == []


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    names = [re.split(r"[\[><=]", name)[0] for name in wanted]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_nothing_committed_names_a_registry_or_a_machine() -> None:
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
    for name in ("requirements.lock", "package-lock.json", "package.json", ".npmrc", "pyproject.toml", "Makefile", "tools/java.lock"):
        text = (ROOT / name).read_text()
        assert [host for host in hosts if host in text] == [], name
        assert '"resolved"' not in text, name
