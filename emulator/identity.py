"""Who calls, and what they may: the root key pair, task roles' sessions, and decisions for the put path.

MiniStack lets any caller who names `test`, the configured key or twelve digits pass as root without looking at the
signature. Here one key pair is root, and its signature is checked like every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.core.responses import new_uuid
from ministack.services import iam as iam_store
from ministack.services import sts

from emulator.clock import steady_ns, wall_ns
from emulator.settings import ACCOUNT, ROOT_KEY

DECISION_NS = 200_000_000
SESSION_SECONDS = 3600
MOST_CALLERS = 1024


class RoleError(Exception):
    """A role that cannot be assumed; the text is what AWS would show."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of a role; `expires_ns` is wall time."""

    key: str
    secret: str
    token: str
    expires_ns: int
    role_arn: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that was resolved, good until `until_ns` of the steady clock."""

    secret: str
    account: str
    principal: Any
    until_ns: int

    def may(self, action: str, arn: str, region: str) -> bool:
        """Whether the caller's policies allow the action now."""
        if self.principal.policies is None:
            return True
        context = iam.EvalContext(
            principal_arn=self.principal.arn,
            principal_type=self.principal.type,
            principal_account=self.principal.account,
            action=action,
            resource_arn=arn,
            region=region,
            source_ip="127.0.0.1",
            secure_transport=False,
            service_context={"aws:tagkeys": None},
            principal_keys=self.principal.keys,
        )
        decision: str = iam.evaluate(context, self.principal.policies, *self.principal.limits).decision
        return decision == "Allow"


class Callers:
    """Resolved callers, remembered for 200 ms: a new deny binds within that time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Caller] = {}

    def find(self, key: str, token: str) -> Caller | None:
        """The caller behind a key and session token; None where MiniStack should answer (unknown, expired, odd)."""
        known = self._known.get((key, token))
        if known is not None and known.until_ns > steady_ns():
            return known
        if len(self._known) > MOST_CALLERS:
            self._known.clear()
        caller = self._resolve(key, token)
        if caller is not None:
            self._known[key, token] = caller
        return caller

    def _resolve(self, key: str, token: str) -> Caller | None:
        session = sts._sessions.get(key) or {}
        account = session.get("AccountId") or ACCOUNT
        credential = iam.resolve_credential(key, account, token)
        if isinstance(credential, iam.CredentialResolutionError):
            return None
        principal = iam.resolve_principal(key, account, credential)
        if isinstance(principal, iam.AuthError):
            return None
        if principal.policies is not None and iam._names_condition_key(principal.policies, "aws:resourcetag/"):
            return None  # needs the resource's tags: MiniStack's own path knows them
        return Caller(credential.secret_access_key, credential.account_id, principal, steady_ns() + DECISION_NS)


def is_root(key: str) -> bool:
    """Whether a key is the operator's, or absent (MiniStack's calls to itself)."""
    return not key or key == ROOT_KEY


def install() -> None:
    """Replace MiniStack's notion of root by ours."""
    iam.is_root_access_key = is_root
    sts.is_root_access_key = is_root
    iam._is_root_key = lambda key: not key  # so the operator's signature is pinned and verified too


def role(role_arn: str) -> dict[str, Any] | None:
    """The stored role behind an ARN."""
    parts = role_arn.split(":")
    if len(parts) < 6 or not parts[5].startswith("role/"):  # noqa: PLR2004 - arn:partition:iam::account:role/name
        return None
    found: dict[str, Any] | None = iam_store._roles.get_scoped(parts[4], None, parts[5].rsplit("/", 1)[-1])
    return found


def trusts(found: dict[str, Any], service: str, account: str) -> bool:
    """Whether a role's trust policy lets an AWS service assume it on behalf of this account."""
    document = found.get("AssumeRolePolicyDocument") or {}
    context = iam.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=found.get("Arn", "*"),
        region="",
        service_context={"aws:sourceaccount": account},
    )
    statements = iam.json.loads(document) if isinstance(document, str) else document
    listed = statements.get("Statement", [])
    effects = {
        statement.get("Effect")
        for statement in ([listed] if isinstance(listed, dict) else listed)
        if _names(statement, "Action", "sts:AssumeRole")
        and iam._service_principal_matches(statement.get("Principal"), service)
        and iam._conditions_met(statement.get("Condition") or {}, context)
    }
    return "Allow" in effects and "Deny" not in effects


def _names(statement: dict[str, Any], field: str, action: str) -> bool:
    actions = statement.get(field) or []
    return bool(iam._action_matches(action, [actions] if isinstance(actions, str) else actions, []))


def assume(role_arn: str, session_name: str, *, service: str) -> Credentials:
    """Open a session of a role for an AWS service.

    Raises:
        RoleError: the role does not exist or does not trust the service.
    """
    found = role(role_arn)
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ACCOUNT  # noqa: PLR2004
    if found is None or not trusts(found, service, account):
        message = (
            f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify that the "
            "role being passed has the proper trust relationship and permissions."
        )
        raise RoleError(message)
    key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    expires_ns = wall_ns() + SESSION_SECONDS * 1_000_000_000
    assumed, _refused = sts._assumed_role_arn(role_arn, session_name)
    sts.register_session(
        key,
        {
            "Arn": assumed,
            "UserId": f"{found.get('RoleId', new_uuid())}:{session_name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": expires_ns / 1e9,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": None,
            "SessionTags": [],
            "SessionPolicies": None,
        },
    )
    return Credentials(key=key, secret=secret, token=token, expires_ns=expires_ns, role_arn=role_arn)


def role_may(role_arn: str, action: str, arn: str, region: str) -> bool:
    """Whether a service role's own policies allow an action (used for Firehose's delivery to S3)."""
    found = role(role_arn)
    if found is None:
        return False
    account = role_arn.split(":")[4]
    name = role_arn.rsplit("/", 1)[-1]
    context = iam.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/firehose",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=arn,
        region=region,
    )
    decision: str = iam.evaluate(context, iam._gather_role_policies(name, account)).decision
    return decision == "Allow"
