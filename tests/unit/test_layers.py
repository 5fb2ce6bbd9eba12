"""The walls of the house stand: who may import whom, and what every room looks like."""

import ast
import operator
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from localenv.repository import PROGRAM_FOLDER, ROOT

PACKAGE = PROGRAM_FOLDER / "roleshift"
LONGEST_MODULE = 350
PURE_ROOMS = {"api", "engine"}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "read_text", "write_text", "read_bytes", "write_bytes"}
# The outermost edge, where an unforeseen error becomes an outcome, a log line and a metric.
OUTERMOST_EDGE = {"controller/dispatcher.py", "controller/worker.py"}


def test_imports_point_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_folder_operator_shadows_nothing() -> None:
    assert not (PROGRAM_FOLDER / "__init__.py").exists()
    assert PROGRAM_FOLDER not in Path(operator.__file__).parents


def test_every_module_says_what_it_is_for() -> None:
    assert _modules_where(lambda module: not ast.get_docstring(_parsed(module))) == []


def test_every_module_is_short_enough_to_read() -> None:
    assert _modules_where(lambda module: len(module.read_text().splitlines()) > LONGEST_MODULE) == []


def test_nothing_is_swallowed() -> None:
    swallowing = _modules_where(lambda module: any(map(_catches_everything, ast.walk(_parsed(module)))))
    assert set(swallowing) <= OUTERMOST_EDGE


def test_api_and_engine_ask_no_clock_and_open_no_file() -> None:
    impure = _modules_where(lambda module: bool(IMPURE_CALLS & set(_called(module))))
    assert [module for module in impure if module.split("/")[0] in PURE_ROOMS] == []


def _modules_where(condition: Callable[[Path], bool]) -> list[str]:
    return [str(module.relative_to(PACKAGE)) for module in sorted(PACKAGE.rglob("*.py")) if condition(module)]


def _parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), str(module))


def _called(module: Path) -> Iterator[str]:
    return (_name(node.func) for node in ast.walk(_parsed(module)) if isinstance(node, ast.Call))


def _catches_everything(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    return node.type is None or _name(node.type) in {"Exception", "BaseException"}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
