"""What Airflow mounts. Every process of Airflow loads the plugin, only the API server shows pages: they come late."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

PREFIX: Final = "aex-drills"


class Pages:
    """An ASGI application that imports and builds the real one at the first request."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on."""
        await _app()(scope, receive, send)


@cache
def _app() -> Any:
    from drill.aws.sessions import connection_session  # noqa: PLC0415 - see above
    from drill.settings import Settings  # noqa: PLC0415
    from drill.ui.app import build  # noqa: PLC0415
    from drill.ui.shelf import Shelf  # noqa: PLC0415

    return build(Shelf(Settings, connection_session))
