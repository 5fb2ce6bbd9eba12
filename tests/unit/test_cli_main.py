"""The program as a whole: its help is light, its flags arrive, its errors are one line and an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localenv.repository import PROGRAM_FOLDER
from roleshift import __version__
from roleshift.cli import main as program
from roleshift.cli.main import main
from roleshift.controller import startup
from roleshift.controller.startup import OperatorOptions

COMMANDS = [
    "get",
    "status",
    "wait",
    "approve",
    "rollback",
    "suspend",
    "resume",
    "retry",
    "check",
    "plan",
    "sql",
    "selftest",
    "operator",
    "version",
    "completion",
]
# typer itself takes pydantic as soon as a command has parameters.
HEAVY = {"aiohttp", "asyncio", "kopf", "kubernetes", "psycopg", "roleshift.api", "structlog", "yaml"}
LIST_IMPORTS = """
import sys
from roleshift.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(",".join(sys.modules), file=sys.stderr)
"""


def run(*arguments: str) -> tuple[int, list[str]]:
    """Exit code and imported modules of a run in a process of its own."""
    command = [sys.executable, "-c", LIST_IMPORTS, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM_FOLDER)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stderr.splitlines()[-1].split(",")


def ended(*arguments: str) -> int | str | None:
    """The exit code of a command that ends by SystemExit."""
    with pytest.raises(SystemExit) as error:
        main(arguments)
    return error.value.code


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["operator", "-h"], ["version"]])
def test_the_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code, modules = run(*arguments)
    assert code == 0
    assert HEAVY & set(modules) == set()


def test_the_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == 0
    text = capsys.readouterr().out
    assert all(f"│ {command}" in text for command in COMMANDS)
    assert "5 waits for a person" in text


@pytest.mark.parametrize("command", [*COMMANDS, "abort"])
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(command, "--help") == 0
    assert "Usage: roleshift" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("version") == 0
    assert capsys.readouterr().out == f"roleshift {__version__}\n"


def test_as_a_plugin_it_calls_itself_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-roleshift", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "Usage: kubectl roleshift" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    command = [sys.executable, "-m", "roleshift", "completion", shell]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM_FOLDER)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "_ROLESHIFT_COMPLETE" in done.stdout


def test_completion_completes() -> None:
    asked = {"_ROLESHIFT_COMPLETE": "complete_bash", "COMP_WORDS": "roleshift re", "COMP_CWORD": "1"}
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM_FOLDER), **asked}
    command = [sys.executable, "-m", "roleshift"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert sorted(done.stdout.split()) == ["rehearse", "report", "restore", "resume", "retry"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["status"],
        ["get", "x", "-A"],
        ["get", "-o", "xml"],
        ["wait", "x"],
        ["wait", "x", "--for=report"],
        ["wait", "x", "--for=done", "--timeout=soon"],
        ["rollback", "x"],
        ["status", "x", "--interval=0"],
        ["operator", "--metrics-port=70000"],
        ["operator", "--lease-duration=5"],
    ],
)
def test_a_wrong_call_is_a_usage_error(arguments: list[str]) -> None:
    assert ended(*arguments) == 2


class TestNoCluster:
    def test_without_credentials_the_error_says_what_to_set(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["status", "x", "--kubeconfig", str(tmp_path / "missing")]) == 1
        assert "set KUBECONFIG or --kubeconfig" in _only_line(capsys)

    def test_a_kubeconfig_that_is_no_yaml_is_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broken = tmp_path / "config"
        broken.write_text("a: [")
        assert main(["get", "--kubeconfig", str(broken)]) == 1
        assert f"the kubeconfig {broken} is no YAML" in _only_line(capsys)

    def test_a_server_that_is_not_there_is_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = tmp_path / "config"
        config.write_text(UNREACHABLE)
        assert main(["get", "--kubeconfig", str(config)]) == 1
        line = _only_line(capsys)
        assert "https://127.0.0.1:1 does not answer" in line
        assert "check the cluster, --context and --kubeconfig" in line


class TestOperator:
    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[OperatorOptions]:
        """The options that the operator was started with; it ends with exit code 7."""
        seen: list[OperatorOptions] = []

        def remember(options: OperatorOptions) -> int:
            seen.append(options)
            return 7

        monkeypatch.setattr(startup, "run", remember)
        monkeypatch.delenv("POD_NAMESPACE", raising=False)
        return seen

    def test_the_defaults(self, started: list[OperatorOptions]) -> None:
        assert ended("operator") == 7
        (options,) = started
        assert options.namespaces == ()
        assert (options.metrics_port, options.health_port) == (8080, 8081)
        assert options.identity
        assert options.lease_namespace == "roleshift-system"
        assert (options.lease_duration, options.lease_renew_deadline, options.lease_retry_period) == (
            15,
            10,
            2,
        )
        assert (options.health_interval, options.log_format, options.log_level) == (10, "json", "info")
        assert (options.kubeconfig, options.context) == (None, None)

    def test_every_flag_arrives(
        self, started: list[OperatorOptions], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POD_NAMESPACE", "from-the-pod")
        flags = (
            "--namespace=people --namespace=shop --metrics-port=0 --health-port=9 --identity=me "
            "--lease-duration=3 --lease-renew-deadline=2 --lease-retry-period=0.5 --health-interval=1 "
            "--archive-directory=/a --let-go-after=5 "
            "--log-format=console --log-level=debug --kubeconfig=/k --context=c"
        )
        assert ended("operator", *flags.split()) == 7
        assert started == [
            OperatorOptions(
                namespaces=("people", "shop"),
                metrics_port=0,
                health_port=9,
                identity="me",
                lease_namespace="from-the-pod",
                lease_duration=3,
                lease_renew_deadline=2,
                lease_retry_period=0.5,
                health_interval=1,
                archive_directories=(Path("/a"),),
                let_go_seconds=5,
                log_format="console",
                log_level="debug",
                kubeconfig="/k",
                context="c",
            )
        ]


def test_the_module_main_is_what_the_scripts_call() -> None:
    assert program.main is main


def _only_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr: one line, and nothing on stdout."""
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line


UNREACHABLE = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
"""
