"""`get`, `status` and `wait` on a real API server; the test writes the status in the operator's place."""

import os
import pty
import re
import subprocess

import pytest
import yaml

from localenv.controlplane import ControlPlane
from roleshift.api import Phase
from support.cli_shell import SECONDS, SPEC, Shell
from support.cli_states import NAME, progress


@pytest.fixture
def shell(control_plane: ControlPlane, namespace: str) -> Shell:
    return Shell.with_one_migration(control_plane, namespace)


class TestGet:
    def test_the_table_is_kubectls(self, shell: Shell, control_plane: ControlPlane) -> None:
        shell.report(Phase.MIGRATING, progress=progress(61))
        for flags in ([], ["--output=wide"]):
            ours = _without_age(shell.run("get", *flags).stdout)
            theirs = control_plane.kubectl("get", "rolemig", *flags, f"--namespace={shell.namespace}").stdout
            assert ours == _without_age(theirs)
        assert "[######----] 61%" in ours[1]

    def test_one_object_as_yaml_can_be_applied_again(self, shell: Shell) -> None:
        shown = yaml.safe_load(shell.run("get", NAME, "--output=yaml").stdout)
        assert shown["spec"] == SPEC

    def test_all_namespaces(self, shell: Shell) -> None:
        lines = shell.run("get", "-A").stdout.splitlines()
        assert lines[0].split()[:2] == ["NAMESPACE", "NAME"]
        assert any(line.split()[:2] == [shell.namespace, NAME] for line in lines)

    def test_none_is_said_on_stderr(self, shell: Shell) -> None:
        shell.api.request("DELETE", shell.path)
        done = shell.run("get")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"No resources found in {shell.namespace} namespace.\n"


class TestStatus:
    def test_one_look_shows_the_screen_and_is_no_error(self, shell: Shell) -> None:
        shell.report(Phase.FAILED, reason="ChecksFailed", message="ServerVersion: too old")
        done = shell.run("status", NAME)
        assert done.returncode == 0
        assert "Failed, ChecksFailed: ServerVersion: too old" in done.stdout
        assert not re.search(r" $|\x1b", done.stdout, re.MULTILINE)

    def test_a_name_can_be_what_get_prints(self, shell: Shell) -> None:
        name = shell.run("get", "-o", "name").stdout.strip()
        assert name == f"rolemigration.roleshift.dev/{NAME}"
        assert shell.run("status", name).returncode == 0

    def test_watching_tells_each_change_and_ends_with_the_run(self, shell: Shell) -> None:
        with shell.running("status", NAME, "--watch", "--interval=0.1") as watch:
            watch.read_until(f"{NAME}: Pending")
            shell.report(Phase.CHECKING)
            watch.read_until(f"{NAME}: Checking")
            shell.report(Phase.MIGRATING, progress=progress(3))
            watch.read_until(f"{NAME}: Migrating")
            shell.report(Phase.MIGRATING, progress=progress(61, rowsPerSecond=45_120))
            watch.read_until("Migrating 61%: 61,000 of 100,000 rows, 45,120 rows/s")
            shell.report(Phase.DONE, reason="MigrationCompleted", ready="True", message="all written")
            assert watch.end() == 0
        assert "✓ Done" in watch.seen
        assert watch.seen.rstrip().endswith("Done, MigrationCompleted: all written")

    @pytest.mark.parametrize(("phase", "code"), [(Phase.FAILED, 3), (Phase.ROLLED_BACK, 4)])
    def test_the_exit_code_tells_how_it_ended(self, shell: Shell, phase: Phase, code: int) -> None:
        shell.report(phase, reason="ValidationFailed")
        assert shell.run("status", NAME, "-w").returncode == code

    def test_a_rollback_that_was_asked_for_is_the_wanted_end(self, shell: Shell) -> None:
        shell.change({"desiredState": "RolledBack"})
        shell.report(Phase.ROLLED_BACK, reason="RolledBackOnRequest", ready="True")
        assert shell.run("status", NAME, "-w").returncode == 0

    def test_on_a_terminal_the_screen_is_redrawn(self, shell: Shell) -> None:
        shell.report(Phase.MIGRATING, progress=progress(61))
        terminal, theirs = pty.openpty()
        command = shell.command("status", NAME, "--watch", "--interval=0.1")
        environment = {**shell.environment, "TERM": "xterm-256color", "LINES": "40"}
        with subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            seen = _read_terminal(terminal, "61%")
            shell.report(Phase.DONE, reason="MigrationCompleted", ready="True", message="all written")
            seen += _read_terminal(terminal, "all written")
            seen += _read_terminal(terminal, None)
            assert process.wait(SECONDS) == 0
        os.close(terminal)
        assert "\x1b[2K" in seen, "lines are erased and drawn anew"
        assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h"), "the cursor comes back"

    def test_an_outage_of_the_api_is_outlasted(self, shell: Shell, control_plane: ControlPlane) -> None:
        with shell.running("status", NAME, "-w", "--interval=0.1") as watch:
            watch.read_until(f"{NAME}: Pending")
            control_plane.stop_api()
            watch.read_until("does not answer")
            control_plane.restart_api()
            shell.report(Phase.DONE, reason="MigrationCompleted", ready="True")
            assert watch.end() == 0

    def test_an_object_that_is_deleted_ends_the_watch(self, shell: Shell) -> None:
        with shell.running("status", NAME, "-w", "--interval=0.1") as watch:
            watch.read_until(f"{NAME}: Pending")
            shell.api.request("DELETE", shell.path)
            assert watch.end() == 1
        assert f"error: {shell.namespace}/{NAME} was deleted meanwhile" in watch.seen


class TestWait:
    def test_it_ends_when_the_run_is_done(self, shell: Shell) -> None:
        with shell.running("wait", NAME, "--for=done", "--interval=0.1") as waiting:
            shell.report(Phase.MIGRATING)
            shell.report(Phase.DONE, reason="MigrationCompleted", ready="True", message="all written")
            assert waiting.end() == 0
        assert waiting.seen == f"{shell.namespace}/{NAME}: Done, MigrationCompleted: all written\n"

    @pytest.mark.parametrize(
        ("phase", "wanted", "code"),
        [
            (Phase.FAILED, "done", 3),
            (Phase.ROLLED_BACK, "done", 4),
            (Phase.ROLLED_BACK, "rolledback", 0),
            (Phase.FAILED, "rolledback", 3),
        ],
    )
    def test_another_end_has_another_code(self, shell: Shell, phase: Phase, wanted: str, code: int) -> None:
        shell.report(phase, reason="ValidationFailed")
        assert shell.run("wait", NAME, f"--for={wanted}").returncode == code

    def test_a_suspended_run_waits_for_a_person(self, shell: Shell) -> None:
        shell.report(Phase.CHECKING, reason="Suspended", message="remove spec.suspend to go on")
        done = shell.run("wait", NAME, "--for=done")
        assert (done.returncode, "remove spec.suspend" in done.stdout) == (5, True)

    def test_time_that_runs_out_has_its_own_code(self, shell: Shell) -> None:
        for timeout in ("0", "0.5s"):
            done = shell.run("wait", NAME, "--for=done", f"--timeout={timeout}")
            assert (done.returncode, done.stdout) == (6, "")
            assert done.stderr == f"error: timed out; {shell.namespace}/{NAME}: Pending\n"


def _without_age(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip())[:-1] for line in text.splitlines()]


def _read_terminal(terminal: int, until: str | None) -> str:
    """Read until `until` was shown, or to the end."""
    seen = ""
    while until is None or until not in seen:
        try:
            seen += os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # Linux says EIO when the other side has closed
            break
    return seen
