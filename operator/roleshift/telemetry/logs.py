"""Structured logs: one JSON object a line on stderr, or coloured text for a person.

Everything passes here, the libraries' own log records and uncaught exceptions
too, and everything passes the redactor last. What is worth a log line is not
decided here.
"""

import logging
import sys
import threading
from enum import StrEnum
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from roleshift.telemetry.redaction import redactor

# Chatty at their usual levels; the Kubernetes client writes whole answers, Secrets included, at DEBUG.
_QUIET = {
    "kopf": logging.WARNING,
    "urllib3": logging.WARNING,
    "asyncio": logging.INFO,
    "kubernetes": logging.INFO,
}


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severity that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure(format: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.INFO) -> None:  # noqa: A002
    """Sends all logs of this process to stderr; to be called once, before anything logs."""
    handler = _Stderr()
    handler.setFormatter(_formatter(format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quietest in _QUIET.items():
        logging.getLogger(name).setLevel(max(quietest, root.level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )
    _catch_uncaught()


def run_logger(namespace: str, name: str, run_id: str) -> BoundLogger:
    """A logger whose lines carry the object and the run."""
    logger: BoundLogger = structlog.get_logger("roleshift.run")
    return logger.bind(namespace=namespace, name=name, run_id=run_id)


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """A structlog processor: the event without secrets."""
    cleaned: EventDict = redactor.clean(event_dict)
    return cleaned


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at that moment, not to what it was when logs were configured."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(format: LogFormat) -> logging.Formatter:  # noqa: A002
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if format is LogFormat.CONSOLE:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.StackInfoRenderer(),
            redact,
            renderer,
        ],
    )


def _catch_uncaught() -> None:
    def log(kind: type[BaseException], error: BaseException, trace: TracebackType | None, where: str) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            logging.getLogger("roleshift").critical("uncaught in %s", where, exc_info=(kind, error, trace))

    def thread_hook(args: Any) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            log(args.exc_type, args.exc_value, args.exc_traceback, args.thread.name if args.thread else "?")

    sys.excepthook = lambda kind, error, trace: log(kind, error, trace, "the main thread")
    threading.excepthook = thread_hook
