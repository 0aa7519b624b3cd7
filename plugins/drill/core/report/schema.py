"""The published form of the record: its JSON Schema, and which paragraph is answered by which field."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Meta, Struct

from drill.core.report.record import LONG, Report


def _long_as_string(schema: Any, name: str = "") -> Any:
    if isinstance(schema, list):
        return [_long_as_string(inner, name) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if name.endswith(LONG) and schema.get("type") == "integer":
        default = {"default": str(schema["default"])} if "default" in schema else {}
        return {**schema, "type": "string", "pattern": "^-?(0|[1-9][0-9]*)$", **default}
    return {key: _long_as_string(value, name if key == "anyOf" else key) for key, value in schema.items()}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the record; `x-clauses` names the paragraphs that ask for a field."""
    schema: dict[str, Any] = _long_as_string(msgspec.json.schema(Report))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parts(node: Any) -> Iterator[type[Struct]]:
    if isinstance(node, type) and issubclass(node, Struct):
        yield node
    for inner in typing.get_args(node):
        yield from _parts(inner)


class Field(Struct, frozen=True, kw_only=True):
    """A field of the record by its path, such as `plan.registration.sha256`."""

    path: str
    text: str
    clauses: tuple[str, ...]
    shown: str
    kept: str


def fields(part: type[Struct] = Report, path: str = "", shown: str = "", kept: str = "") -> Iterator[Field]:
    """Every field below `part`, depth first; where it is shown and kept comes from the nearest field that says so."""
    for name, hint in typing.get_type_hints(part, include_extras=True).items():
        metas = [meta for meta in typing.get_args(hint) if isinstance(meta, Meta)]
        extra = {key: value for meta in metas for key, value in (meta.extra_json_schema or {}).items()}
        field = Field(
            path=f"{path}.{name}" if path else name,
            text=next((meta.description for meta in metas if meta.description), ""),
            clauses=tuple(extra.get("x-clauses", ())),
            shown=extra.get("x-shown", shown),
            kept=extra.get("x-kept", kept),
        )
        yield field
        for inner in _parts(hint):
            yield from fields(inner, field.path, field.shown, field.kept)


def clauses() -> dict[str, tuple[str, ...]]:
    """Paragraph -> the fields it asks for, e.g. '17 CFR 242.1005' -> ('plan.registration.sha256', ...)."""
    found: dict[str, list[str]] = {}
    for field in fields():
        for clause in field.clauses:
            found.setdefault(clause, []).append(field.path)
    return {clause: tuple(found[clause]) for clause in sorted(found)}
