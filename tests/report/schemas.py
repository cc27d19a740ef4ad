"""JSON reports, each held against the published schema."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

FILE = Path(__file__).parents[2] / "docs" / "report.schema.json"


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def checked(text: str) -> dict[str, Any]:
    """The report in the text; fails where the schema does not allow it."""
    body: dict[str, Any] = json.loads(text)
    _validator().validate(body)
    return body


def check_if_report(text: str) -> None:
    """Hold what a command printed against the schema, where it is a JSON report."""
    if text.startswith('{\n  "schema": "hub-v1-report/'):
        checked(text)
