"""A Kubernetes control plane of one's own: a real kube-apiserver and its etcd, on free loopback ports.

No kubelet, no scheduler, no controller manager: what is applied is stored, validated and watched,
and nothing else happens to it.
"""

import secrets
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from localenv.api import Api, ApiError
from localenv.certificates import ServerCertificate, create_signing_key, issue_server_certificate
from localenv.folders import create_folder, remove_folder
from localenv.kubeconfig import Endpoint, write_kubeconfig
from localenv.kubectl import run_kubectl
from localenv.ports import LOOPBACK, start_on_free_port
from localenv.process import ChildProcess, Program
from localenv.repository import CRDS, control_plane_programs
from localenv.wait import wait_until

_START_SECONDS = 60.0
_ISSUER = "https://kubernetes.default.svc"


class ControlPlane:
    """One control plane; a context manager that starts and removes it."""

    def __init__(self, definitions: Path = CRDS) -> None:
        """Prepare keys and tokens; nothing runs yet.

        Args:
            definitions: the folder of the CustomResourceDefinitions that `start` applies.

        Raises:
            FileNotFoundError: the programs were not built; the message says what to run.
        """
        self._programs = control_plane_programs()
        self._definitions = definitions
        self.folder = create_folder("k8s")
        self._certificate: ServerCertificate = issue_server_certificate(self.folder, LOOPBACK)
        self._signing_key = self.folder / "service-accounts.key"
        create_signing_key(self._signing_key)
        self._token = secrets.token_hex(32)
        self._tokens = self.folder / "tokens.csv"
        self._tokens.touch(mode=0o600)
        self._tokens.write_text(f'{self._token},admin,admin,"system:masters"\n')
        self.port = 0
        self._api: Api | None = None
        self._etcd: ChildProcess | None = None
        self._apiserver: ChildProcess | None = None

    def __enter__(self) -> Self:
        """Start it, and remove it again if that fails."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop it and remove what it stored."""
        self.stop()

    # What clients need

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate of the authority that the API server's certificate is verified with."""
        return self._certificate.authority

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig (group system:masters), readable by its owner only."""
        return self.folder / "admin.kubeconfig"

    @property
    def api(self) -> Api:
        """Requests as the administrator, a hundred times cheaper than starting kubectl."""
        assert self._api is not None, "the control plane was never started"
        return self._api

    @property
    def _endpoint(self) -> Endpoint:
        return Endpoint(self.server, self.ca)

    @property
    def kubectl_program(self) -> Path:
        """The path of kubectl."""
        return self._programs / "kubectl"

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl in the checkout's folder, as the administrator or with another kubeconfig.

        Raises:
            KubectlError: it failed and `check` is true; the message is what it said.
        """
        return run_kubectl(
            self.kubectl_program,
            [f"--kubeconfig={kubeconfig or self.kubeconfig}", *arguments],
            cache=self.folder / "kubectl-cache",
            input=input,
            check=check,
        )

    def apply(self, manifest: Path | str, namespace: str = "default") -> None:
        """Apply a manifest on the server's side: a file's path, or the text itself.

        Raises:
            KubectlError: the API server refused it; the message says why.
        """
        text = manifest.read_text() if isinstance(manifest, Path) else manifest
        flags = ["--server-side", "--force-conflicts", f"--namespace={namespace}", "--filename=-"]
        self.kubectl("apply", *flags, input=text)

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig for an existing service account, with a token that ends after `seconds` (600 or more).

        Raises:
            ApiError: there is no such service account, or the time is too short.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.api.request("POST", path, {"spec": {"expirationSeconds": seconds}})
        file = self.folder / f"{namespace}.{name}.kubeconfig"
        return write_kubeconfig(file, self._endpoint, name, answer["status"]["token"], namespace)

    # Life and death

    def start(self) -> None:
        """Start etcd and the API server, wait until it is ready, and apply crds/.

        Raises:
            RuntimeError: one of them ended instead; the message has the end of its log.
        """
        self._etcd = self._start_etcd()
        self.port = start_on_free_port(self._api_starts_on)
        if not self.port:
            raise RuntimeError(f"the API server did not start\n{self.apiserver.log_tail()}")
        write_kubeconfig(self.kubeconfig, self._endpoint, "admin", self._token)
        self._apply_definitions()

    def stop(self) -> None:
        """End both and remove everything they stored."""
        for process in (self._apiserver, self._etcd):
            if process is not None and process.running:
                process.kill()
        remove_folder(self.folder)

    @property
    def apiserver(self) -> ChildProcess:
        """The API server's process."""
        assert self._apiserver is not None, "the control plane was never started"
        return self._apiserver

    def pause_api(self) -> None:
        """Let requests hang: the API server is stopped in its tracks and keeps its connections."""
        self.apiserver.pause()

    def resume_api(self) -> None:
        """End a pause."""
        self.apiserver.resume()

    def stop_api(self) -> None:
        """Let connections be refused; what was stored stays in etcd."""
        self.apiserver.kill()

    def restart_api(self) -> None:
        """Start the API server again on the same port, paused, stopped or running as it may be.

        Raises:
            RuntimeError: it ended instead; the message has the end of its log.
        """
        self.apiserver.kill()
        if not self._api_starts_on(self.port):
            raise RuntimeError(f"the API server did not start again\n{self.apiserver.log_tail()}")
        self._wait_until_definitions_are_served()

    def heal(self) -> None:
        """Undo a pause or a stop that a failed test left behind."""
        self.resume_api()
        if not self.apiserver.running:
            self.restart_api()

    # How it starts

    def _start_etcd(self) -> ChildProcess:
        socket = f"unix://{self.folder}/etcd.sock"
        etcd = ChildProcess(
            Program(
                "etcd",
                [
                    self._programs / "etcd",
                    f"--data-dir={self.folder}/etcd",
                    f"--listen-client-urls={socket}",
                    f"--advertise-client-urls={socket}",
                    f"--listen-peer-urls=unix://{self.folder}/peer.sock",
                    "--unsafe-no-fsync",
                    "--log-level=warn",
                ],
                self.folder / "etcd.log",
                folder=self.folder,
            )
        )
        wait_until(lambda: self._has_socket() or not etcd.running, _START_SECONDS, "etcd listens")
        if not etcd.running:
            raise RuntimeError(f"etcd did not start\n{etcd.log_tail()}")
        return etcd

    def _has_socket(self) -> bool:
        return (self.folder / "etcd.sock").exists()

    def _api_starts_on(self, port: int) -> bool:
        self.port = port
        self._api = Api(self._endpoint, self._token)
        self._apiserver = ChildProcess(
            Program(
                "kube-apiserver",
                [self._programs / "kube-apiserver", *self._api_flags(port)],
                self.folder / "kube-apiserver.log",
                folder=self.folder,
            )
        )
        ready = wait_until(
            lambda: self._api_is_ready() or self._api_ended(),
            _START_SECONDS,
            f"the API server is ready\n{self.apiserver.log_tail()}",
        )
        return ready == "ready"

    def _api_is_ready(self) -> str:
        try:
            return "ready" if self.api.text("/readyz") == "ok" else ""
        except (ApiError, OSError):
            return ""

    def _api_ended(self) -> str:
        return "" if self.apiserver.running else "ended"

    def _api_flags(self, port: int) -> list[str]:
        return [
            f"--etcd-servers=unix://{self.folder}/etcd.sock",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={port}",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self._certificate.certificate}",
            f"--tls-private-key-file={self._certificate.key}",
            f"--token-auth-file={self._tokens}",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={self._signing_key}",
            f"--service-account-signing-key-file={self._signing_key}",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            # Nobody here creates a default service account, and pods are only stored.
            "--disable-admission-plugins=ServiceAccount",
            "--profiling=false",
        ]

    def _apply_definitions(self) -> None:
        files = [f"--filename={file}" for file in sorted(self._definitions.glob("*_*.yaml"))]
        if files:
            self.kubectl("apply", "--server-side", *files)
        self._wait_until_definitions_are_served()

    def _wait_until_definitions_are_served(self) -> None:
        """Established is said a moment before the first request is answered."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for definition in self.api.request("GET", path)["items"]:
            spec = definition["spec"]
            objects = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
            wait_until(partial(self._is_served, objects), _START_SECONDS, f"{objects} is served")

    def _is_served(self, path: str) -> bool:
        try:
            self.api.request("GET", f"{path}?limit=1")
        except ApiError:
            return False
        return True
