"""What the README and the guide say is so: links lead somewhere, commands exist, manifests are accepted."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from demo import picture
from localenv.repository import ROOT
from roleshift.api import parse_migration
from roleshift.cli.main import app
from roleshift.engine import support
from support.markdown import BLOCK, blocks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
MANIFESTS = sorted((ROOT / "tools" / "demo" / "manifests").glob("*.yaml"))
_LINK = re.compile(r"\]\(([^)#\s]+)")


def commands(page: Path, program: str) -> set[str]:
    """The first words after the program's name, in code."""
    prose = BLOCK.sub("", page.read_text())
    code = [*"".join(blocks(page, "console")).splitlines(), *re.findall(r"`([^`]+)`", prose)]
    said = [line.removeprefix("$ ").split() for line in code]
    return {words[1] for words in said if len(words) > 1 and words[0] == program}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestPages:
    def test_every_link_leads_somewhere(self, page: Path) -> None:
        links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
        assert [link for link in links if not (page.parent / link).exists()] == []

    def test_every_command_exists(self, page: Path) -> None:
        group = typer.main.get_command(app)
        assert commands(page, "roleshift") <= set(group.commands)  # type: ignore[attr-defined]

    def test_every_target_exists(self, page: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert commands(page, "make") <= targets

    def test_every_manifest_is_accepted_and_supported(self, page: Path) -> None:
        manifests = [item for block in blocks(page, "yaml") for item in yaml.safe_load_all(block)]
        migrations = [parse_migration(item) for item in manifests if item["kind"] == "RoleMigration"]
        assert [one for one in migrations if support.unsupported_fields(one.spec)] == []


def test_the_readme_names_what_is_not_supported_yet() -> None:
    readme = PAGES[0].read_text()
    assert [missing.field for missing in support._MISSING if f"`{missing.field}`" not in readme] == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda file: file.stem)
def test_the_demos_manifests_are_accepted_and_supported(manifest: Path) -> None:
    migration = parse_migration(yaml.safe_load(manifest.read_text()))
    assert support.unsupported_fields(migration.spec) == ()
    assert migration.metadata.name == manifest.stem


def test_the_picture_is_fresh() -> None:
    assert picture.PICTURE.read_text() == picture.drawn(), "run `python -m demo.picture`, see tools/demo"


def test_the_picture_needs_no_network() -> None:
    assert re.findall(r"https?://(?!www\.w3\.org/)", picture.drawn()) == []
