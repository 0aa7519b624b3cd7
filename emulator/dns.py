"""DNS over UDP on the loopback: hosted zones' records and Cloud Map's live instances, NXDOMAIN for all else."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, cast

from dnslib import CLASS, CNAME, QTYPE, RCODE, RR, TXT, A, DNSHeader, DNSRecord
from ministack.services import route53
from ministack.services import servicediscovery as cloudmap

MOST_LINKS = 8
logger = logging.getLogger("emulator.dns")


@dataclass(frozen=True, slots=True)
class Answer:
    """One resource record; `name` and CNAME values end with a dot."""

    name: str
    kind: str
    value: str
    ttl: int


def records_of(name: str) -> list[Answer]:
    """All records that exist under a fully qualified lower-case name."""
    return [*_zone_records(name), *_instance_records(name)]


def _zone_records(name: str) -> list[Answer]:
    found = []
    for records in list(route53._records._data.values()):
        for record in records:
            if record["Name"].lower() != name:
                continue
            ttl = int(record.get("TTL") or 60)
            target = (record.get("AliasTarget") or {}).get("DNSName")
            if target:  # an alias answers like a CNAME here: same addresses, one more link
                found.append(Answer(name, "CNAME", _absolute(target), ttl))
            for value in record.get("ResourceRecords") or []:
                text = value["Value"] if isinstance(value, dict) else value
                absolute = _absolute(text) if record["Type"] == "CNAME" else text
                found.append(Answer(name, record["Type"], absolute, ttl))
    return found


def _instance_records(name: str) -> list[Answer]:
    found = []
    for (account, region, service_id), service in cloudmap._services.all_items():
        namespace = cloudmap._namespaces.get_scoped(account, region, service.get("NamespaceId"))
        if namespace is None or f"{service['Name']}.{namespace['Name']}.".lower() != name:
            continue
        ttl = _service_ttl(service)
        healthy = cloudmap._instance_health_status.get_scoped(account, region, service_id) or {}
        instances = cloudmap._instances.get_scoped(account, region, service_id) or {}
        for instance_id, instance in list(instances.items()):
            address = (instance.get("Attributes") or {}).get("AWS_INSTANCE_IPV4")
            if address and healthy.get(instance_id, "HEALTHY") == "HEALTHY":
                found.append(Answer(name, "A", address, ttl))
    return found


def _service_ttl(service: dict[str, Any]) -> int:
    records = (service.get("DnsConfig") or {}).get("DnsRecords") or [{}]
    return int(records[0].get("TTL") or 60)


def _absolute(name: str) -> str:
    return (name if name.endswith(".") else f"{name}.").lower()


def resolve(name: str, kind: str) -> list[Answer] | None:
    """Answers for a question, CNAMEs followed; None when the name does not exist at all."""
    answers: list[Answer] = []
    wanted = _absolute(name)
    for _link in range(MOST_LINKS):
        found = records_of(wanted)
        if not found:
            return answers or None
        matching = [answer for answer in found if answer.kind == kind]
        if matching:
            return answers + matching
        links = [answer for answer in found if answer.kind == "CNAME"]
        if not links:
            return answers
        answers.append(links[0])
        wanted = links[0].value
    return answers


def respond(packet: bytes) -> bytes:
    """Answer one DNS packet."""
    question = DNSRecord.parse(packet)
    header = DNSHeader(id=question.header.id, qr=1, aa=1, ra=1, rd=question.header.rd)
    reply = DNSRecord(header, q=question.q)
    answers = resolve(str(question.q.qname), QTYPE[question.q.qtype])
    if answers is None:
        reply.header.rcode = RCODE.NXDOMAIN
    for answer in answers or []:
        if answer.kind in ("A", "CNAME", "TXT"):
            reply.add_answer(_resource(answer))
    packed: bytes = reply.pack()
    return packed


def _resource(answer: Answer) -> RR:
    data = {"A": A, "CNAME": CNAME, "TXT": TXT}[answer.kind](answer.value)
    return RR(answer.name, getattr(QTYPE, answer.kind), CLASS.IN, answer.ttl, data)


class Resolver(asyncio.DatagramProtocol):
    """The UDP endpoint."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for answers."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass

    def datagram_received(self, packet: bytes, sender: Any) -> None:
        """Answer a question; a packet that is no question is dropped with a warning."""
        assert self._transport is not None
        try:
            reply = respond(packet)
        except Exception:
            logger.warning("a packet from %s is no DNS question", sender, exc_info=True)
            return
        self._transport.sendto(reply, sender)
