"""What servers and operators wrote while a test failed: shown with the failure, and kept as a whole.

A plugin of pytest. Logs are in folders that go with their servers, so that the part that was written
since the test began is copied to where the temporary files of failed tests stay.
"""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from localenv.process import ChildProcess, children_with_logs

_LINES = 10
_COLUMNS = 300
_FOLDERS = pytest.StashKey[pytest.TempPathFactory]()
_BEFORE = pytest.StashKey[dict[Path, int]]()


@pytest.fixture(scope="session", autouse=True)
def _folders_for_logs(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytestconfig.stash[_FOLDERS] = tmp_path_factory


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember where each log ends as the test begins."""
    item.stash[_BEFORE] = {child.log: child.log.stat().st_size for child in children_with_logs()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs to the report of a failure."""
    report = yield
    if report.failed and (shown := _kept_and_shown(item)):
        report.sections.append((f"logs, {report.when}", shown))
    return report


def _kept_and_shown(item: pytest.Item) -> str:
    written = {child: text for child in children_with_logs() if (text := _written(child, item))}
    factory = item.config.stash.get(_FOLDERS, None)
    if not written or factory is None:
        return ""
    folder = factory.mktemp(f"logs-{_plain(item.name)[:40]}-")
    return "\n".join(_kept(child, text, folder) for child, text in written.items())


def _written(child: ChildProcess, item: pytest.Item) -> str:
    before = item.stash.get(_BEFORE, {}).get(child.log, 0)
    return child.log.read_bytes()[before:].decode(errors="replace")


def _kept(child: ChildProcess, text: str, folder: Path) -> str:
    file = folder / f"{_plain(child.name)}-{child.pid}.log"
    file.write_text(text)
    lines = text.splitlines()
    return "\n".join(
        [
            f"{child.name} wrote {len(lines)} lines: {file}",
            *(f"  {line[:_COLUMNS]}" for line in lines[-_LINES:]),
        ]
    )


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)
