"""Canonical hashes of values: the same content gives the same text on every machine and version."""

import hashlib
import json
from typing import Any


def canonical_hash(value: Any) -> str:
    """`sha256:` and 64 hexadecimal digits of the value's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def short_hash(text: str, length: int = 8) -> str:
    """The first hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
