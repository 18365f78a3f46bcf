"""A SeaweedFS of our own for the tests: a real store that speaks S3, with keys, on this machine alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr

from domain.media.bucket import MediaStoreAway, open_bucket
from domain.media.folder import MediaFolder
from launch.child_process import dying_with_parent, end_group
from tests.running_system import free_port

BUCKET = "gifts"
READY_WITHIN_SECONDS = 60.0
TRIES = 3
#: Its parts, each with a port for HTTP and one for gRPC; whatever we do not use is told to stay away.
PARTS = ("master", "volume", "filer", "s3", "admin")
HERE = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-s3.autoCreateBucket=false")
ABSENT = ("-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
#: Where it puts those of gRPC, whatever it is told, and leaves them.
SOCKETS = Path("/tmp")  # noqa: S108


class LocalS3:
    """One server with one bucket; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.access_key_id, self.secret_access_key = "fake-access-key", "fake-secret-key-of-a-test"
        self._ports = _free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port of its endpoint."""
        return self._ports["s3", "port"]

    @property
    def env(self) -> dict[str, str]:
        """The environment of a Quatrain that keeps its media here."""
        return {
            "MEDIA_URL": f"s3://{BUCKET}/works",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "test",
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    @property
    def settings(self) -> dict[str, str | SecretStr]:
        """The same as the settings read it."""
        secret = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        return {name.lower(): SecretStr(value) if name in secret else value for name, value in self.env.items()}

    def start(self) -> None:
        """Start it, with what it has kept, and wait until it answers."""
        ports = [f"-{part}.{kind}={port}" for (part, kind), port in self._ports.items()]
        sockets = [f"-{part}.localSocket={self.folder / part}.sock" for part in ("filer", "s3")]
        keys = {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}
        weed = Path(sys.executable).parent / "weed"
        with (self.folder / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(
                [weed, f"-logdir={self.folder}", "mini", f"-dir={self.folder}", *HERE, *ABSENT, *sockets, *ports],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **keys},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509  # it takes no lock
            )
        until = time.monotonic() + READY_WITHIN_SECONDS
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                self.stop()
                raise RuntimeError(f"SeaweedFS did not start:\n{(self.folder / 's3.log').read_text(errors='replace')}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Away at once; what it has confirmed is kept. Safe twice."""
        if self._process is not None:
            end_group(self._process, signal.SIGKILL)
            self._process = None
            for port in self._ports.values():
                for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink(missing_ok=True)

    def freeze(self) -> None:
        """It takes connections and says nothing, until it is stopped."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        # Until it has stopped it may answer once more.
        os.waitpid(self._process.pid, os.WUNTRACED)

    def __enter__(self) -> "LocalS3":
        for _ in range(TRIES - 1):
            with contextlib.suppress(RuntimeError):
                self.start()
                return self
            # It looks by itself whether a port is free, and at times takes one for taken that is only kept for it.
            self._ports = _free_ports()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _answers(self) -> bool:
        """Whether it takes a file: its bucket is what it makes last."""
        bucket = open_bucket(
            f"s3://{BUCKET}",
            MediaFolder(self.folder / "unused", min_free_mb=0),
            endpoint=self.endpoint,
            region="test",
            access_key_id=SecretStr(self.access_key_id),
            secret_access_key=SecretStr(self.secret_access_key),
        )
        with contextlib.suppress(MediaStoreAway):
            bucket.probe()
            return True
        return False


def _free_ports() -> dict[tuple[str, str], int]:
    return {(part, kind): free_port() for part in PARTS for kind in ("port", "port.grpc")}
