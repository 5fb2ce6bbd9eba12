"""Logs: one JSON object a line, the run's id in it, and no secret whoever wrote the line."""

import base64
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from roleshift.telemetry.logs import LogFormat, LogLevel, configure, run_logger
from roleshift.telemetry.logs import _Stderr as Stderr
from roleshift.telemetry.redaction import MASK, Redactor, redactor

CANARY = 'kanari/€ "p@ss\\w:rd+1'


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Configures logs as the operator does and puts everything back."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    before = (root.level, structlog.get_config())
    configure()

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield lines
    root.handlers[:] = [one for one in root.handlers if type(one) is not Stderr]
    root.setLevel(before[0])
    structlog.configure(**before[1])
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)


def test_a_line_of_a_run_carries_its_object_and_id(logged: Any) -> None:
    run_logger("people", "seniority", "4f2a").info("phase ended", phase="Checking", seconds=0.25)
    (line,) = logged()
    assert line["event"] == "phase ended"
    assert line["level"] == "info"
    assert line["logger"] == "roleshift.run"
    assert (line["namespace"], line["name"], line["run_id"]) == ("people", "seniority", "4f2a")
    assert line["seconds"] == 0.25
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_look_the_same(logged: Any) -> None:
    logging.getLogger("urllib3.a_module").warning("Retrying %s", "GET /apis")
    logging.getLogger("kopf.objects").info("a success that nobody needs to read")
    (line,) = logged()
    assert line["event"] == "Retrying GET /apis"
    assert line["logger"] == "urllib3.a_module"


def test_the_clients_debug_lines_never_appear(logged: Any) -> None:
    configure(level=LogLevel.DEBUG)
    logging.getLogger("kubernetes.client.rest").debug("response body: %s", "a whole Secret")
    structlog.get_logger("roleshift.x").debug("shown")
    assert [line["event"] for line in logged()] == ["shown"]


def fail_with(secret: str) -> None:
    raise RuntimeError(f"could not log in with {secret}") from ValueError(repr(secret))


@pytest.mark.usefixtures("logged")
def test_a_registered_secret_is_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    redactor.register(CANARY.encode())
    log = structlog.get_logger("roleshift.x")
    event = "connected with " + CANARY
    log.info(event, parts={"deep": [CANARY, {"er": (CANARY,)}]}, data=CANARY.encode())
    log.info("uri", uri=f"postgresql://ann:{quote(CANARY, safe='')}@db/people")
    log.info("answer", data={"x": base64.b64encode(CANARY.encode()).decode()})
    logging.getLogger("psycopg.pool").warning("failed: %r", {"password": CANARY})
    try:
        fail_with(CANARY)
    except RuntimeError:
        log.exception("worker failed")
        logging.getLogger("kopf").exception("stream failed")
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 6
    assert "kanari" not in text
    assert quote(CANARY, safe="") not in text
    assert "Traceback" in text


def test_a_secret_of_several_lines_is_found_line_by_line() -> None:
    subject = Redactor()
    subject.register("first-line-of-it\nsecond-line-of-it\n")
    assert subject.redact("x second-line-of-it y") == f"x {MASK} y"


def test_the_longer_of_two_secrets_goes_as_a_whole() -> None:
    subject = Redactor()
    subject.register("hunter22")
    subject.register("hunter22-and-more")
    assert subject.redact("hunter22-and-more") == MASK


def test_a_value_too_short_to_be_a_secret_blanks_out_nothing() -> None:
    subject = Redactor()
    subject.register("abc")
    assert subject.redact("abcdef") == "abcdef"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ann:s3cr3t@db:5432/people", f"postgresql://ann:{MASK}@db:5432/people"),
        ("postgres://ann:p@ss@db/people?x=1", f"postgres://ann:{MASK}@db/people?x=1"),
        ("postgres://:s3cr3t@/people", f"postgres://:{MASK}@/people"),
        ("host=db password=s3cr3t user=ann", f"host=db password={MASK} user=ann"),
        ("host=db password='it\\'s one' user=ann", f"host=db password={MASK} user=ann"),
        ("PGPASSWORD=s3cr3t psql", f"PGPASSWORD={MASK} psql"),
        ('{"password": "s3cr3t", "user": "ann"}', f'{{"password": {MASK}, "user": "ann"}}'),
        ("{'sslpassword': b's3cr3t'}", f"{{'sslpassword': b{MASK}}}"),
        ("Authorization: Bearer abc.def-gh1_jkl", f"Authorization: Bearer {MASK}"),
        ("basic authentication is switched off", "basic authentication is switched off"),
        ("https://db.example:8443/path?mail=a@b.example", "https://db.example:8443/path?mail=a@b.example"),
        ("wrong password: check the Secret people-db", "wrong password: check the Secret people-db"),
        ("the Secret people-db has no key password", "the Secret people-db has no key password"),
    ],
)
def test_what_looks_like_a_password_is_masked_and_prose_is_not(text: str, expected: str) -> None:
    assert Redactor().redact(text) == expected


@pytest.mark.parametrize("piece", ["x", "a-b.", "postgres://", "password", "bearer ", "'", "password='\\"])
def test_a_very_long_line_costs_no_more_than_its_length(piece: str) -> None:
    subject = Redactor()
    started = time.process_time()
    subject.redact(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2


def test_a_private_key_is_masked() -> None:
    begin, end = "-----BEGIN EC " + "PRIVATE KEY-----", "-----END EC " + "PRIVATE KEY-----"
    assert Redactor().redact(f"key: {begin}\nMHcC\n{end} rest") == f"key: {MASK} rest"


def test_a_field_called_password_is_masked_whatever_it_holds() -> None:
    assert Redactor().clean({"password": 12345, "user": "ann"}) == {"password": MASK, "user": "ann"}


@given(secret=st.text(min_size=4, max_size=20).filter(lambda text: text.strip() == text and len(text) >= 4))
def test_no_spelling_of_a_registered_value_survives(secret: str) -> None:
    subject = Redactor()
    try:
        subject.register(secret)
    except UnicodeEncodeError:
        return
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret), repr(secret)):
        assert secret not in subject.redact(f"<{spelling}>").replace(MASK, "")


@pytest.mark.usefixtures("logged")
def test_a_persons_log_has_tracebacks_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.CONSOLE)
    hidden = "in-" + "a-variable"
    try:
        fail_with("something")
    except RuntimeError:
        structlog.get_logger("roleshift.x").exception("failed")
    text = capsys.readouterr().err
    assert "RuntimeError: could not log in with something" in text
    assert hidden not in text


def test_warnings_are_lines_too(logged: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old thing with password=s3cr3t", UserWarning, stacklevel=1)
    (line,) = logged()
    assert line["logger"] == "py.warnings"
    assert "s3cr3t" not in line["event"]


PROGRAM = """
import threading
from roleshift.telemetry.logs import configure
from roleshift.telemetry.redaction import redactor
configure()
redactor.register("kanari-kanari")
def fail():
    raise ValueError("with kanari-kanari")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_uncaught_exceptions_are_lines_too() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["level"] for line in lines] == ["critical", "critical"]
    assert all("ValueError: with ***" in line["exception"] for line in lines)
