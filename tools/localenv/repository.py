"""Where things are in the checkout. Needs only the standard library."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "crds"
DEPLOY_BASE = ROOT / "deploy" / "base"
DEPLOY_APPROVAL = ROOT / "deploy" / "approval"
PROGRAM_FOLDER = ROOT / "operator"
BUILT_PROGRAMS = ROOT / ".cache" / "controlplane" / "bin"
CONTROL_PLANE_PROGRAMS = ("etcd", "kube-apiserver", "kubectl")


def control_plane_programs() -> Path:
    """The folder of the control plane's programs: KUBEBUILDER_ASSETS, else what `make controlplane` built.

    Raises:
        FileNotFoundError: neither has all of them; the message says what to run.
    """
    folder = assets_folder() or BUILT_PROGRAMS
    missing = [name for name in CONTROL_PLANE_PROGRAMS if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"no {', '.join(missing)} in {folder}: run `make controlplane`")
    return folder


def assets_folder() -> Path | None:
    """The folder that KUBEBUILDER_ASSETS names, if it holds every program."""
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or os.devnull)
    complete = all((folder / name).is_file() for name in CONTROL_PLANE_PROGRAMS)
    return folder if complete else None
