"""A plan's statements stay what they are, and its texts say in Markdown what they say without."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from roleshift.cli import markdown, plan_markdown
from roleshift.cli.plan_report import readable

HOSTILE = [
    "a|b",
    "`code`",
    "**bold**",
    "_it_ and role_migrated_at",
    "<script>alert(1)</script>",
    "[link](https://example.org)",
    "![image](x)",
    "~~gone~~",
    "back\\slash \\",
    "&lt; &amp; &copy;",
    "a <br> b --> c",
    "ends with a backslash\\",
]
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(markdown: str) -> str:
    """The text that a reader sees of one paragraph."""
    page = _MARKDOWN.render(markdown)
    assert re.findall(r"<(?!/?p>)[^>]*>", page) == []
    return html.unescape(re.sub(r"</?p>", "", page)).strip().replace("\u200b", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    assert shown(f"x {markdown.text(text)}") == f"x {text}"


@given(st.text(alphabet="ab\\`*_[]()<>|~$&#@!:/.-;\"' \n", max_size=30))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    assert shown(markdown.text(f"x {text} x")) == " ".join(f"x {text} x".split())


@given(st.text(alphabet="a\\`|*\n ", max_size=20))
def test_any_text_stays_in_its_cell(text: str) -> None:
    table = markdown.table(("One", "Two"), [(text, "end")], "---|---")
    page = _MARKDOWN.render(table)
    assert page.count("<td>") == 2
    assert "<td>end</td>" in page


def test_nobody_is_called_and_nothing_is_linked() -> None:
    text = markdown.text("@admin #12 https://example.org www.example.org me@example.org")
    assert text == ("@&#8203;admin #&#8203;12 https&#58;//example.org www&#46;example.org me@example.org")


def test_a_message_keeps_its_lines_and_indents_in_a_cell() -> None:
    table = markdown.table(("Check",), [("either:\nspec:\n  mode: Apply",)], "---")
    assert "| either:<br>spec:<br>&nbsp;&nbsp;mode: Apply |" in table


def test_a_statement_is_broken_where_a_clause_begins() -> None:
    assert readable('UPDATE t AS t SET "a" = 1, "b" = 2 FROM i WHERE x = \'y\'').splitlines() == [
        "UPDATE t AS t",
        '    SET "a" = 1,',
        '    "b" = 2',
        "    FROM i",
        "    WHERE x = 'y'",
    ]


@pytest.mark.parametrize("quoted", ['"a FROM b"', "' WHERE '", '"x"" SET y"', "'it''s FROM x'"])
def test_what_stands_in_quotes_is_left_alone(quoted: str) -> None:
    assert quoted in readable(f"SELECT {quoted} FROM t")


@given(st.text(alphabet="\"' ,=aSETFROM", max_size=40))
def test_a_statement_says_the_same_broken(text: str) -> None:
    assert readable(text).replace("\n    ", " ") == text


def test_a_long_list_is_broken_after_commas_as_late_as_it_fits() -> None:
    roles = ", ".join(f"'a role, number {number}'" for number in range(40))
    lines = readable(f"DELETE FROM t WHERE x IN ({roles})").splitlines()
    assert max(map(len, lines)) <= 120
    assert len(lines) < 14
    assert " ".join(line.strip() for line in lines) == f"DELETE FROM t WHERE x IN ({roles})"


def test_a_statement_with_a_line_break_in_a_name_is_not_broken_further() -> None:
    statement = f'SELECT "a\nb", {", ".join("c" * 9 for _ in range(30))}'
    assert readable(statement) == statement


def test_a_page_that_is_too_long_leaves_out_its_largest_part_and_says_so() -> None:
    parts = ["title", "m" * plan_markdown.MOST_CHARACTERS, "s" * 50_000, "c" * 5_000]
    fitted = plan_markdown._fitting(list(parts))
    assert fitted[0] == "title"
    assert "left out here" in fitted[1]
    assert fitted[2:] == parts[2:]
    assert sum(map(len, fitted)) <= plan_markdown.MOST_CHARACTERS


def test_code_that_holds_fences_and_control_characters_stays_code() -> None:
    block = plan_markdown._sql("a ``` b\n\x1b[31m\tc\u202e")
    page = _MARKDOWN.render(block)
    assert page.count("<pre>") == 1
    assert "a ``` b" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
