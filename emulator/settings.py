"""Where one emulator lives, and the process environment MiniStack reads when it is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "000000000000"
ROOT_KEY = "aex-operator"
ROOT_SECRET = "aex-operator-secret"
EVIDENCE_PREFIX = "aex-evidence-"


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports are of 127.0.0.1; `state` survives restarts, `run` holds logs and pid files, `root` is the tasks' cwd."""

    port: int
    dns_port: int
    state: Path
    run: Path
    root: Path = field(default_factory=lambda: Path(__file__).resolve().parent.parent)

    @property
    def endpoint(self) -> str:
        """The URL clients use as AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def resolver(self) -> str:
        """The host:port clients use as AEX_RESOLVER."""
        return f"127.0.0.1:{self.dns_port}"


def client_environment(settings: Settings) -> dict[str, str]:
    """What an operator's process needs to speak to this emulator."""
    return {
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AEX_RESOLVER": settings.resolver,
    }


def prepare(settings: Settings) -> None:
    """Set MiniStack's environment; it reads most of it at import, so this comes before the first import.

    Docker, the MQTT and SFTP listeners are switched off: nothing but the API may listen. The caller's own AWS
    variables are dropped so that a real key can never name the emulator's root.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AUTH="true",
        AWS_ACCESS_KEY_ID=ROOT_KEY,
        AWS_SECRET_ACCESS_KEY=ROOT_SECRET,
        BIND_HOST="127.0.0.1",
        DOCKER_HOST="unix:///dev/null/docker.sock",
        GATEWAY_PORT=str(settings.port),
        IOT_MTLS_ENABLED="0",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION="us-east-1",
        PERSIST_STATE="0",
        S3_PERSIST="0",
        SFTP_ENABLED="0",
    )
