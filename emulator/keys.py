"""KMS keys of templates outlive the emulator: a stack that is built again gets the key that it had.

What was signed before a restart must be verifiable after it, by the same public key. Each key is a file, readable by
its owner only, written before the stack's event says that the key is there. AWS keeps keys in hardware; here whoever
reads the folder has them, which is one of the things that the embedded AWS does not prove.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import kms
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]


class Keys:
    """The folder of all keys, one file for each stack's logical id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "kms"

    def install(self) -> None:
        """Extend the resource type."""
        handler = provisioners._RESOURCE_HANDLERS["AWS::KMS::Key"]
        create, update, delete = handler["create"], handler["update"], handler["delete"]

        def created(logical: str, props: Properties, stack: str) -> Any:
            kept = self._path(stack, logical)
            if kept.exists():
                return update(self._restore(kept), props, props, stack)
            made = create(logical, props, stack)
            self._keep(kept, made[0])
            return made

        def deleted(physical: str, props: Properties) -> Any:
            for path in self._folder.glob("*.json"):
                if json.loads(path.read_bytes())["KeyId"] == physical:
                    path.unlink()
            return delete(physical, props)

        handler["create"], handler["delete"] = created, deleted

    def _path(self, stack: str, logical: str) -> Path:
        return self._folder / f"{get_account_id()}.{get_region()}.{stack}.{logical}.json"

    def _restore(self, path: Path) -> str:
        entry = json.loads(path.read_bytes())
        keys = AccountRegionScopedDict()
        keys._data[get_account_id(), get_region(), entry["KeyId"]] = entry
        kms.load_persisted_state({"keys": keys})
        key_id: str = entry["KeyId"]
        return key_id

    def _keep(self, path: Path, key_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        entry = kms.get_state()["keys"]._data[get_account_id(), get_region(), key_id]
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(entry, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
