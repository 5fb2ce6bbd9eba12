"""Takes secrets out of everything that is about to be logged.

Two nets: values that were registered when they were read, in every spelling
that a URI, JSON, Python or base64 gives them, and whatever looks like a
password. The nets catch slips; code still never passes a secret to a log.
"""

import base64
import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
_OPEN_ENTRIES = frozenset({"host", "port", "dbname", "database", "user", "username", "ca.crt", "tls.crt"})
_URI_PASSWORD = re.compile("://[^:@/]*:([^@]*)@")
SHORTEST = 4

# Every pattern begins with fixed words or a bounded run: a long line costs no more than its length.
_NAME_ENDS = "(?:password|passwd|pwd|secret|token|apikey|api_key|authorization)"
_VALUE = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s,;&}\])'"]+"""
_HEX = re.compile("%[0-9A-F]{2}")
_SUSPICIOUS_NAME = re.compile(f"(?i){_NAME_ENDS}$")
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
    (re.compile(r"""(?i)\b([a-z][a-z0-9+.-]{1,30}://[^\s:/@"'<>]*):[^\s/"'<>]*@"""), rf"\1:{MASK}@"),
    (re.compile(rf"(?i)({_NAME_ENDS}\s{{0,9}}=\s{{0,9}})(?:{_VALUE})"), rf"\1{MASK}"),
    (re.compile(rf"""(?i)({_NAME_ENDS}["']\s{{0,9}}:\s{{0,9}}b?)(?:{_VALUE})"""), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:bearer|basic)\s{1,9})(?=\S*[\d=])[\w.~+/=-]{8,}"), rf"\1{MASK}"),
)


class Redactor:
    """Knows the secrets of this process and replaces them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def register(self, value: str | bytes) -> None:
        """Takes a value that must never be shown.

        Values of fewer than four characters are not searched for: they would
        blank out ordinary words. Those are caught where they look like a password.
        """
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        parts = {part for part in (text, text.strip(), *text.splitlines()) if len(part) >= SHORTEST}
        spellings = {spelling for part in parts for spelling in _spellings(part)}
        with self._lock:
            if not spellings <= self._spellings:
                self._spellings |= spellings
                ordered = sorted(self._spellings, key=len, reverse=True)
                self._known = re.compile("|".join(map(re.escape, ordered)))

    def register_entry(self, key: str, value: bytes) -> None:
        """Takes an entry of a Secret: all of it, and the password of a URI also by itself.

        Addresses and names that stand beside a password are no secrets; without them a log line
        about a server could not say which.
        """
        if key in _OPEN_ENTRIES:
            return
        self.register(value)
        password = _URI_PASSWORD.search(value.decode(errors="replace"))
        if password is not None:
            self.register(password[1])
            self.register(unquote(password[1]))

    def redact(self, text: str) -> str:
        """The text without registered values and without what looks like a password."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def clean(self, value: Any) -> Any:
        """The same for a value of a log line: containers deeply, anything unknown by its text."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.redact(value)
            case bytes():
                return self.redact(value.decode(errors="replace"))
            case Mapping():
                return {self.redact(str(name)): self._field(str(name), item) for name, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.clean(item) for item in value]
            case _:
                return self.redact(repr(value))

    def _field(self, name: str, value: Any) -> Any:
        return MASK if _SUSPICIOUS_NAME.search(name) else self.clean(value)


def _spellings(text: str) -> set[str]:
    escaped = {quote(text, safe=""), quote(text), quote_plus(text)}
    return {
        text,
        *escaped,
        *(_HEX.sub(lambda found: found[0].lower(), one) for one in escaped),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        repr(text.encode())[2:-1],
        base64.b64encode(text.encode()).decode(),
    }


redactor = Redactor()
