"""What Prefect's server refuses in the form of a flow, by the schema it is given."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows import nightly

FLOWS: dict[str, Any] = {
    f.name: f for f in (nightly.nightly_export, nightly.backfill, nightly.replay, nightly.publish)
}


def check(flow: str, parameters: dict[str, Any]) -> None:
    """Validates as the server does."""
    validate(
        parameters,
        parameter_schema(FLOWS[flow].fn).model_dump_for_openapi(),
        preprocess=False,
        raise_on_error=True,
    )


@pytest.mark.parametrize(
    ("flow", "parameters"),
    [
        ("nightly_export", {"streams": ["nonsense"]}),
        ("nightly_export", {"streams": "issues"}),
        ("nightly_export", {"organizations": [1]}),
        ("backfill", {"days": 0}),
        ("backfill", {"days": -3}),
        ("backfill", {"days": "many"}),
        ("backfill", {"since": "yesterday"}),
        ("backfill", {"until": "2026-13-01"}),
        ("backfill", {"until": "2026-11-32T00:00:00Z"}),
        ("replay", {"streams": ["nonsense"]}),
        ("replay", {"since": 5}),
    ],
)
def test_the_form_refuses(flow: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check(flow, parameters)


@pytest.mark.parametrize(
    ("flow", "parameters"),
    [
        ("nightly_export", {"streams": ["issues", "events"], "organizations": ["acme"], "token_block": "a"}),
        ("backfill", {"since": "2026-11-01", "until": "2026-11-30T12:00:00+02:00", "days": 7}),
        ("backfill", {"since": "2026-11-01 00:00", "until": None}),
        ("replay", {"since": "2026-11-01T00:00:00.000Z", "streams": []}),
        ("publish", {"home": "/data"}),
    ],
)
def test_the_form_accepts(flow: str, parameters: dict[str, Any]) -> None:
    check(flow, parameters)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_parameter_is_explained(flow: str) -> None:
    schema = parameter_schema(FLOWS[flow].fn)
    assert not schema.required
    for name, shown in schema.properties.items():
        assert shown.get("description"), name
    assert FLOWS[flow].description


def test_the_token_is_no_parameter() -> None:
    for flow in FLOWS.values():
        assert "token" not in parameter_schema(flow.fn).properties
