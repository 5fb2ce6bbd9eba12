"""Running kubectl: its output, its errors, and a cache that does not go into the home folder."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localenv.repository import ROOT


class KubectlError(Exception):
    """Kubectl failed; the message is what it said."""


def run_kubectl(
    program: Path,
    arguments: Sequence[str],
    *,
    cache: Path,
    input: str | None = None,  # noqa: A002 - as subprocess.run calls it
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run kubectl in the checkout's folder.

    Raises:
        KubectlError: it failed and `check` is true; the message is what it said.
    """
    done = subprocess.run(
        [str(program), *arguments],
        input=input,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "KUBECACHEDIR": str(cache)},
    )
    if check and done.returncode:
        raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done
