"""Faults of what the drill runs on: API, processes, clocks, builds, the account, and what the validator reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from witness import clock
from witness.injections.scene import Account, Scene
from witness.saboteur import NothingToHitError

HOSTS = Path(__file__).parents[1] / "hosts"
POLL_S = 0.1
SLOW_MS = 3000
MID_REPLAY_MS = 400
READS_BEFORE_THE_KILL = 4
AHEAD_S = 30
QUOTA = "ServiceQuotaExceededException"
EXPIRED = "ExpiredTokenException"
POLICY = "aex-fault"


def quota(scene: Scene) -> Account:
    """F11: CloudFormation cannot create the DR site's engine services."""
    message = f"{QUOTA}: the account's quota of services in this region is reached"
    scene.world().add(
        {"id": scene.rule("F11"), "resource": "AWS::ECS::Service", "stack": f"aex-{scene.site}-", "message": message}
    )
    return {"code": QUOTA}


def no_capacity(scene: Scene) -> Account:
    """F12: the first engine service gets no host, before there is a cluster to ask for one."""
    scene.world().kill(scene.engines, ["engines-00"], hold=True)
    return {"service": "engines-00", "cluster": scene.engines}


def kill_in_replay(scene: Scene) -> Account:
    """F13: reads of the journal are slowed down a little, and the engines are killed once some have been answered."""
    port, rule = scene.world(), scene.rule("F13")
    port.add({"id": rule, "service": "s3", "action": "GET", "path": _journal(scene), "latency_ms": MID_REPLAY_MS})

    def act(stopped: Callable[[], bool]) -> Account:
        try:
            while port.struck(rule) < READS_BEFORE_THE_KILL and not stopped():
                clock.nap(POLL_S)
            tasks = [] if stopped() else port.kill(scene.engines)
            return {"tasks": tasks, "killed_ns": str(clock.now_ns())}
        finally:
            port.withdraw([rule])

    scene.later(act)
    return {"tasks": []}


def slow_store(scene: Scene) -> Account:
    """F14: each read of the journal takes longer, until the drill is restored."""
    rule = {"id": scene.rule("F14"), "service": "s3", "action": "GET", "path": _journal(scene), "latency_ms": SLOW_MS}
    scene.world().add(rule)
    return {"latency_ms": SLOW_MS}


def _journal(scene: Scene) -> str:
    return f"/{scene.journal}/{scene.prefix}"


def forgotten(scene: Scene) -> Account:
    """F15: a log group that no stack has made."""
    name = f"/aex/{scene.site}/forgotten"
    scene.client("logs", scene.region).create_log_group(logGroupName=name)
    return {"resource": name, "service": "logs"}


def fast_clock(scene: Scene) -> Account:
    """F16: every engine host of the DR site is ahead."""
    scene.world().furnish(scene.engines, {"PYTHONPATH": str(HOSTS / "fast_clock")})
    return {"offset_s": AHEAD_S, "cluster": scene.engines}


def expired(scene: Scene) -> Account:
    """F18: ECS refuses the drill's credentials."""
    message = "The security token included in the request is expired"
    scene.world().add(
        {
            "id": scene.rule("F18"),
            "service": "ecs",
            "action": "ListTasks",
            "status": 400,
            "code": EXPIRED,
            "message": message,
        }
    )
    return {"code": EXPIRED, "service": "ecs"}


def too_much_right(scene: Scene) -> Account:
    """F20: as soon as the DR engines' role is there, it is given a right that it must not have."""
    resource = f"arn:aws:s3:::{scene.journal}/journal/*"
    action = "s3:PutObject"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Fault", "Effect": "Allow", "Action": [action], "Resource": [resource]}],
    }
    iam, role = scene.client("iam", ""), f"aex-{scene.site}-engine"

    def act(stopped: Callable[[], bool]) -> Account:
        while not stopped():
            try:
                iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))
            except iam.exceptions.NoSuchEntityException:
                clock.nap(POLL_S)
            else:
                return {"given_ns": str(clock.now_ns())}
        return {}

    scene.later(act)
    return {"role": role, "action": action, "resource": resource}


def take_right_back(scene: Scene) -> None:
    """Undo F20 before the role is deleted: CloudFormation cannot delete a role that somebody gave a policy."""
    iam = scene.client("iam", "")
    try:
        iam.delete_role_policy(RoleName=f"aex-{scene.site}-engine", PolicyName=POLICY)
    except iam.exceptions.NoSuchEntityException:
        return


def blind(scene: Scene) -> Account:
    """F21: the validator sees the true object; the engine has read the sabotaged one."""
    return scene.unblind(scene.drill)


def torn_capture(scene: Scene) -> Account:
    """F22: a capture ends in the middle, for whoever reads it from now on."""
    keys = [key for key in scene.objects.keys(scene.witness.name, scene.captures) if ".bin" in key]
    if not keys:
        raise NothingToHitError(f"s3://{scene.witness.name}/{scene.captures}: no capture was handed over")
    key = scene.nonce.choose("F22/capture", keys)
    content = scene.objects.read(scene.witness.name, key)
    scene.objects.put(scene.witness.name, key, content[: len(content) // 2])
    return {"object": key, "bytes_before": len(content), "bytes_after": len(content) // 2}


def no_evidence(scene: Scene) -> Account:
    """F25: the evidence store refuses one document of this drill's preflight."""
    document = "raw/preflight.json"
    path = f"/{scene.evidence}/drills/{scene.drill}/{document}"
    rule = {"id": scene.rule("F25"), "service": "s3", "action": "PUT", "path": path, "status": 403}
    scene.world().add({**rule, "code": "AccessDenied", "message": "Access Denied"})
    return {"document": document}


def undecided_replay(scene: Scene) -> Account:
    """F26: the DR site's engines are of a build whose replay depends on chance."""
    scene.world().furnish(scene.engines, {"PYTHONPATH": str(HOSTS / "undecided_replay")})
    return {"build": "undecided_replay", "cluster": scene.engines}
