"""`python -m localenv.build`: builds kube-apiserver, etcd and kubectl from tools/controlplane/go.mod.

Does nothing when KUBEBUILDER_ASSETS has them, or when they were built from the same go.mod before.
Needs only the standard library and Go.
"""

import fcntl
import hashlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localenv.gotool import GoTool
from localenv.progress import Progress
from localenv.repository import BUILT_PROGRAMS, CONTROL_PLANE_PROGRAMS, ROOT, assets_folder

_MODULE = ROOT / "tools" / "controlplane"
_CACHE = BUILT_PROGRAMS.parent
_STAMP = BUILT_PROGRAMS / ".built-from"
_UNFINISHED = "building-"
_PACKAGES = [
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kubectl",
]
_NAMED_BY_GO = {"etcd": "server"}  # Go names a program after its package's folder
_SHOWN_ON_FAILURE = 40
_REQUIRED_KUBERNETES = re.compile(r"^\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+)", re.MULTILINE)


def main() -> int:
    """Build what is missing; the exit code is 0 when all programs are there."""
    if folder := assets_folder():
        print(f"control plane: taken from KUBEBUILDER_ASSETS ({folder})")
        return 0
    _CACHE.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        if _is_built():
            print(f"control plane: built already ({BUILT_PROGRAMS.relative_to(ROOT)})")
            return 0
        return _build()


def _is_built() -> bool:
    complete = all((BUILT_PROGRAMS / name).is_file() for name in CONTROL_PLANE_PROGRAMS)
    return complete and _STAMP.is_file() and _STAMP.read_text() == _source()


def _source() -> str:
    files = (_MODULE / "go.mod", _MODULE / "go.sum")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (_CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("control plane: another build is under way, waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build() -> int:
    print("control plane: building it, once; this takes about five minutes on two cores", flush=True)
    started = time.monotonic()
    for leftover in _CACHE.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=_CACHE) as folder:
        failure = _compile(GoTool(_MODULE), Path(folder))
        if failure:
            print("\n".join(["control plane: go failed", *failure[-_SHOWN_ON_FAILURE:]]), file=sys.stderr)
            return 1
        _move_into_place(Path(folder))
    print(f"control plane: built in {time.monotonic() - started:.0f} s ({BUILT_PROGRAMS.relative_to(ROOT)})")
    return 0


def _compile(go: GoTool, folder: Path) -> list[str]:
    """Build all programs into `folder`; what is returned is Go's output if that failed."""
    packages, failure = _packages(go)
    if failure:
        return failure
    compiled = Progress("packages", packages)
    flags = ["-v", "-trimpath", "-buildvcs=false", f"-ldflags={_linker_flags()}", "-o", f"{folder}/"]
    code, lines = go.run(["build", *flags, *_PACKAGES], lambda _: compiled.advance(1))
    if code:
        return lines
    compiled.finish()
    return []


def _packages(go: GoTool) -> tuple[int, list[str]]:
    """How many packages the programs consist of, or Go's output; downloads the modules that hold them."""
    sums = (_MODULE / "go.sum").read_text().splitlines()
    downloads = Progress("modules ", sum("/go.mod " not in line for line in sums))
    code, lines = go.run(["list", "-deps", *_PACKAGES], lambda line: downloads.advance(_is_download(line)))
    if code:
        return 0, lines
    downloads.finish()
    return sum(not _is_download(line) for line in lines), []


def _is_download(line: str) -> bool:
    return line.startswith("go: downloading")


def _linker_flags() -> str:
    version = _kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    named = (f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
    return " ".join(["-s", "-w", *named])


def _kubernetes_version() -> str:
    found = _REQUIRED_KUBERNETES.search((_MODULE / "go.mod").read_text())
    assert found, "go.mod requires k8s.io/kubernetes"
    return found[1]


def _move_into_place(folder: Path) -> None:
    BUILT_PROGRAMS.mkdir(exist_ok=True)
    for name in CONTROL_PLANE_PROGRAMS:
        (folder / _NAMED_BY_GO.get(name, name)).replace(BUILT_PROGRAMS / name)
    _STAMP.write_text(_source())


if __name__ == "__main__":
    sys.exit(main())
