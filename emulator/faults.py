"""Faults of the API and of the hosts, on request: what an injector orders at POST /_aex/faults and /_aex/hosts.

A rule stands in front of every service of the endpoint, so whoever calls meets it as it would on AWS: an error of the
service's own form, an answer that is late, a connection that ends in mid-answer. A rule about a resource type makes
CloudFormation's attempt to create it fail. Rules are the world's, never anybody's evidence; none stands after a start.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec
from ministack.services.cloudformation import provisioners

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_XML = frozenset({"s3", "sts", "iam", "ec2", "cloudformation", "sns", "sqs", "route53", "monitoring"})
_SERVER_ERROR = 500


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. Empty fields match everything; an answer is delayed, then refused, then cut, as far as asked for.

    `service` and `region` are those of the request's signature, `action` is the operation (for S3 the HTTP method),
    `path` a part of the path. `resource` is a CloudFormation type instead, whose creation fails in stacks whose name
    contains `stack`. `most` bounds how often the rule strikes (0: always).
    """

    id: str
    service: str = ""
    region: str = ""
    action: str = ""
    path: str = ""
    resource: str = ""
    stack: str = ""
    latency_ms: int = 0
    status: int = 0
    code: str = ""
    message: str = ""
    drop: bool = False
    most: int = 0


class Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_aex/faults: rules to add, and ids of rules to withdraw (`*`: all)."""

    add: list[Rule] = []
    withdraw: list[str] = []


class Request(msgspec.Struct, frozen=True):
    """What a rule looks at."""

    service: str
    region: str
    action: str
    path: str


class FaultDesk:
    """The rules in force and how often each has struck; read on the event loop, changed from any thread."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._struck: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        """Whether no rule about requests stands: then nobody pays for looking."""
        return not any(not rule.resource for rule in self._rules.values())

    def change(self, orders: Orders) -> dict[str, int]:
        """Withdraw, then add; returns how often each rule, those withdrawn too, has struck."""
        rules = {} if "*" in orders.withdraw else dict(self._rules)
        for name in orders.withdraw:
            rules.pop(name, None)
        rules.update({rule.id: rule for rule in orders.add})
        self._struck.update({rule.id: 0 for rule in orders.add})
        self._rules = rules
        return dict(self._struck)

    def struck(self) -> dict[str, int]:
        """How often each rule has struck."""
        return dict(self._struck)

    def find(self, request: Request) -> Rule | None:
        """The first rule that the request meets, counted as a strike."""
        for rule in self._rules.values():
            if not rule.resource and _meets(rule, request) and self._strike(rule):
                return rule
        return None

    def needs_body(self) -> bool:
        """Whether a rule names an action: query services say theirs in the body."""
        return any(rule.action for rule in self._rules.values())

    def refusal(self, resource_type: str, stack: str) -> str:
        """Why CloudFormation cannot create this resource, empty where it can."""
        for rule in self._rules.values():
            if rule.resource == resource_type and rule.stack in stack and self._strike(rule):
                return rule.message or f"{rule.code or 'ServiceLimitExceeded'}: the resource cannot be created"
        return ""

    def _strike(self, rule: Rule) -> bool:
        struck = self._struck.get(rule.id, 0)
        if rule.most and struck >= rule.most:
            return False
        self._struck[rule.id] = struck + 1
        return True

    def install(self) -> None:
        """Stand before every creation of a resource."""
        for resource_type, handler in provisioners._RESOURCE_HANDLERS.items():
            if "create" in handler:
                handler["create"] = self._guarded(resource_type, handler["create"])

    def _guarded(self, resource_type: str, create: Callable[..., Any]) -> Callable[..., Any]:
        def created(logical: str, props: Any, stack: str, *more: Any) -> Any:
            refused = self.refusal(resource_type, stack)
            if refused:
                raise ValueError(refused)
            return create(logical, props, stack, *more)

        return created


def _meets(rule: Rule, request: Request) -> bool:
    return (
        rule.service in ("", request.service)
        and rule.region in ("", request.region)
        and rule.action in ("", request.action)
        and rule.path in request.path
    )


def request_of(scope: MutableMapping[str, Any], body: bytes) -> Request:
    """What a request is, by its signature, target, path and body."""
    headers = dict(scope["headers"])
    signed = _SCOPE.search(headers.get(b"authorization", b"").decode("latin-1"))
    region, service = signed.groups() if signed else ("", "")
    target = headers.get(b"x-amz-target", b"").decode("latin-1")
    action = target.rpartition(".")[2]
    if not action and service == "s3":
        action = str(scope["method"])
    elif not action and body:
        action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
    return Request(service=service, region=region, action=action, path=str(scope["path"]))


async def answer(rule: Rule, request: Request, send: Send) -> bool:
    """Do what the rule says; returns whether the request has had its answer."""
    if rule.latency_ms:
        await asyncio.sleep(rule.latency_ms / 1000)
    if rule.drop:
        # More is announced than comes: the server then closes the connection in mid-answer.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        return True
    if not rule.status:
        return False
    body = error_body(rule, request.service)
    kind = b"application/xml" if request.service in _XML else b"application/x-amz-json-1.1"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"x-amzn-requestid", b"fault")]
    await send({"type": "http.response.start", "status": rule.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return True


def error_body(rule: Rule, service: str) -> bytes:
    """The error in the form of the service: S3's XML, the query services' XML, or JSON."""
    code, message = escape(rule.code), escape(rule.message or "injected")
    if service == "s3":
        return f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>fault</RequestId></Error>".encode()
    if service in _XML:
        kind = "Receiver" if rule.status >= _SERVER_ERROR else "Sender"
        error = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return f"<ErrorResponse>{error}<RequestId>fault</RequestId></ErrorResponse>".encode()
    return json.dumps({"__type": rule.code, "message": rule.message or "injected"}).encode()


def decoded(body: bytes) -> Orders:
    """An order; raises msgspec.DecodeError (ValidationError is one) for anything else."""
    return msgspec.json.decode(body, type=Orders)
