"""CloudFormation of the exchange as pure functions: settings in, troposphere `Template` out.

Stacks are flat siblings; values cross between them as parameters (see `templates.stacks`).
Importing `templates` or `templates.settings` does not import troposphere: a DAG may name settings cheaply.
"""

from __future__ import annotations

from templates.settings import Settings

__all__ = ["Settings"]
