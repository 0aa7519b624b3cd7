"""report: the report of any outcome in every rendering, filed beside its evidence."""

from __future__ import annotations

from typing import Any

import msgspec

from drill import clock
from drill.bundle import BUNDLE
from drill.core.evidence.statement import Registration
from drill.docket import Docket
from drill.operators.step import Step
from drill.report.compose import Sealed, compose
from drill.report.renderings import renderings

COMPARED = 52  # a year of weekly drills


def _chained(docket: Docket) -> dict[str, Any]:
    """What the chain says so far: the drill's registration, and the head that the outcome will follow."""
    chain = docket.chain().read()
    own = [link for link in chain.of(docket.drill) if isinstance(link.body, Registration)]
    return {
        "registration_link": own[0].number if own else None,
        "head_sha256": chain.links[-1].sha256 if chain.links else "",
        "signed_by": ", ".join(keyid[:16] for keyid in own[0].keyids) if own else "",
        "anchored": f"head of the chain in {docket.settings.anchor_region}" if own else "",
    }


class ReportOperator(Step):
    """Composes the report from raw evidence and the list of artifacts so far; seal then seals it with them."""

    phase = "report"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Everything in the report is derived from what was filed before; nothing is measured here."""
        sealed = Sealed(
            manifest=tuple(msgspec.to_builtins(docket.manifest().artifacts)),
            path=f"{docket.settings.reports}/{docket.drill}/report.html",
            verify=f"python -m drill verify {docket.drill}/{BUNDLE} --key KEY.pem --anchor ANCHOR.json",
            generated_ns=clock.now_ns(),
            earlier=tuple(docket.earlier(COMPARED)),
            **_chained(docket),
            lock=f"{docket.settings.lock_mode}, {docket.settings.lock_minutes} min",
        )
        report = compose(docket.evidence(), sealed, drill=docket.drill)
        rendered = renderings(report)
        for name, content in rendered.items():
            docket.put(name, content)
        return {"bytes": {name: len(content) for name, content in rendered.items()}}
