"""`roleshift plan -f -o markdown`: the page that goes into a pull request."""

import html
import re
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from localenv.database import Database
from localenv.repository import ROOT
from support.person import Person
from support.tables import MEMBERS, PLAIN, USERS, create_user_profiles

GUIDE = ROOT / "docs" / "guide" / "plans.md"


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    create_user_profiles(database, 8)
    return Person(tmp_path, database)


def test_markdown_is_a_page_with_tables_and_two_folded_parts(person: Person) -> None:
    done = person.plan("-f", person.manifest(), "-o", "markdown")
    assert done.returncode == 0
    page = MarkdownIt("commonmark").enable("table").render(done.stdout)
    assert page.count("<table>") == 3
    assert page.count("<details>") == page.count("</details>") == 2
    assert "<td>junior_dev</td>\n<td>developer</td>\n<td>junior</td>" in page
    assert '<code class="language-sql">CREATE TABLE &quot;roleshift&quot;' in page
    assert "<strong>8 of 8 rows will change.</strong>" in page


def test_roles_with_markup_stay_what_they_are(tmp_path: Path, database: Database) -> None:
    roles = ["a|b", "<b>bold</b>", "```\n# x", "@admin", "</details>", "\x1b[31mred", "it's \\"]
    database.execute(MEMBERS)
    with database.connect() as owner:
        for user, role in enumerate(roles):
            owner.execute("INSERT INTO members VALUES (%s, %s)", [user, role])
    person = Person(tmp_path, database)
    changes = {
        "target": {"table": "members", "userColumn": "user_id", **PLAIN},
        "mappings": [{"from": role, "to": "new"} for role in roles if role.isprintable()],
        "unmappedRoles": "Keep",
    }
    marked = person.plan("-f", person.manifest(**changes), "-o", "markdown").stdout
    page = MarkdownIt("commonmark").enable("table").render(marked)
    cells = [html.unescape(cell) for cell in re.findall(r"<tr>\n<td>(.*?)</td>", page)]
    shown = [cell.replace("\u200b", "") for cell in cells]
    assert shown[:5] == [role for role in roles if role.isprintable()]
    assert page.count("<details>") == page.count("</details>") == 2
    assert "\x1b" not in person.plan("-f", person.manifest(**changes)).stdout


def test_what_names_roles_is_folded_with_its_definition(person: Person) -> None:
    person.database.execute(
        "CREATE FUNCTION is_junior(r user_role) RETURNS boolean LANGUAGE sql AS"
        " $$ SELECT r = 'junior_dev' -- ``` <b>\n $$"
    )
    marked = person.plan("-f", person.manifest(), "-o", "markdown").stdout
    page = MarkdownIt("commonmark").enable("table").render(marked)
    assert "<summary>1 definition that names roles which go away</summary>" in page
    assert "SELECT r = 'junior_dev' -- ``` &lt;b&gt;" in page
    assert page.count("<details>") == page.count("</details>") == 3


def test_who_gets_a_stronger_role_is_marked_in_the_matrix(person: Person) -> None:
    order = ["junior_dev", "senior_dev", "developer", "lead", "manager", "admin"]
    privileges = {"order": order, "allowEscalation": True}
    marked = person.plan("-f", person.manifest(privileges=privileges), "-o", "markdown").stdout
    assert "| ↑ | junior_dev | developer | junior | 2 |" in marked
    assert "|  | manager | lead |  | 2 |" in marked


def test_the_largest_manifest_makes_a_page_that_fits_into_a_comment(
    tmp_path: Path, database: Database
) -> None:
    database.execute("CREATE TABLE users (id int PRIMARY KEY, role text)")
    roles = [f"{number:03}" + "ö" * 125 for number in range(256)]
    with database.connect() as owner:
        for number, role in enumerate(roles):
            owner.execute("INSERT INTO users VALUES (%s, %s)", [number, role])
    person = Person(tmp_path, database)
    mappings = [{"from": role, "to": f"{role[:-1]}x"} for role in roles]
    changes = {"target": {"table": "users", **PLAIN}, "mappings": mappings, "privileges": None}
    done = person.plan("-f", person.manifest(**changes), "-o", "markdown")
    assert done.returncode == 0, done.stdout[-500:]
    assert len(done.stdout) < 65_536
    assert "A part is left out here, because the page would be too long" in done.stdout
    assert "**256 of 256 rows will change.**" in done.stdout


def test_the_guide_shows_what_it_prints(tmp_path: Path, database: Database) -> None:
    database.execute(USERS + "UPDATE users SET role = 'admin' WHERE id % 100 = 0")
    person = Person(tmp_path, database)
    guide = GUIDE.read_text()
    manifest = guide.partition("```yaml\n")[2].partition("```")[0]
    shown = guide.partition("<!-- The plan. -->\n")[2].partition("<!-- End of the plan. -->")[0]
    done = person.plan("-f", "-", "-o", "markdown", stdin=manifest)
    assert done.returncode == 0, done.stdout
    assert _without_figures(done.stdout) == _without_figures(shown)
    assert yaml.safe_load(manifest)["kind"] == "RoleMigration"


def _without_figures(markdown: str) -> list[str]:
    """Sizes of the machine's statistics are nobody's promise."""
    return [re.sub(r"[\d.]+ KiB", "N KiB", line) for line in markdown.splitlines() if line]
