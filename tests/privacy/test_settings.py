"""The settings reach the policy, and each override the field it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extractors.stream import all_streams
from flows.policy import policy_of, privacy_of
from flows.settings import UsageError, load_settings
from transforms.privacy import Policy

KEY = "0123456789abcdef"
EVENT = {
    "title": "mail to ana@example.test failed",
    "user": {"id": "ana", "email": "ana@example.test", "ip_address": "203.0.113.9"},
    "tags": [{"key": "customer", "value": "acme"}, {"key": "user.ip", "value": "203.0.113.9"}],
    "entries": [
        {"type": "request", "data": {"query": [["q", "shoes"]], "headers": [["Authorization", "b"]]}}
    ],
    "contexts": {"till": {"serial": "T-1"}},
}


def treated(**values: Any) -> dict[str, Any]:
    settings = load_settings(None, {"privacy_key": KEY, **values}, environment={})
    stream = next(s for s in all_streams() if s.name == "events")
    page = privacy_of(settings).redact("events", json.dumps([EVENT]).encode(), stream.personal)
    record: dict[str, Any] = json.loads(page)[0]
    return record


def test_every_setting_reaches_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "sentry-warehouse.toml"
    file.write_text(
        'privacy = "drop"\nprivacy_members = "hash"\nprivacy_requests = "keep"\nprivacy_texts = "scrub"\n'
        '[privacy_overrides]\n"events/user/email" = "keep"\n'
    )
    wanted = Policy("drop", "hash", "keep", "scrub", {"events/user/email": "keep"})
    assert policy_of(load_settings(str(file), environment={})) == wanted
    variables = {
        "SENTRY_WAREHOUSE_PRIVACY": "drop",
        "SENTRY_WAREHOUSE_PRIVACY_MEMBERS": "hash",
        "SENTRY_WAREHOUSE_PRIVACY_REQUESTS": "keep",
        "SENTRY_WAREHOUSE_PRIVACY_TEXTS": "scrub",
        "SENTRY_WAREHOUSE_PRIVACY_OVERRIDES": '{"events/user/email": "keep"}',
    }
    assert policy_of(load_settings(None, environment=variables)) == wanted
    assert policy_of(load_settings(None, environment={})) == Policy()


def test_overrides_by_field() -> None:
    plain = treated()
    found = treated(
        privacy_overrides={
            "events/user/email": "keep",
            "events/user/ip_address": "drop",
            "events/tags/customer": "hash",
            "events/contexts/*/serial": "drop",
            "events/title": "drop",
        }
    )
    assert found["user"] == {"id": plain["user"]["id"], "email": "ana@example.test", "ip_address": None}
    assert found["tags"][0]["value"].startswith("hash-")
    assert found["tags"][1] == plain["tags"][1]
    assert found["contexts"] == {"till": {"serial": None}}
    assert found["title"] is None


def test_requests_and_texts_have_policies_of_their_own() -> None:
    request = treated(privacy_requests="keep")["entries"][0]["data"]
    assert request == {"query": [["q", "shoes"]], "headers": [["Authorization", None]]}
    assert "shoes" not in json.dumps(treated(privacy="keep", privacy_requests="drop"))
    assert treated()["title"] == EVENT["title"]
    assert "ana@example.test" not in json.dumps(treated(privacy_texts="scrub"))


def test_credentials_are_dropped_whatever_overrides_say() -> None:
    found = treated(privacy="keep", privacy_overrides={"events/*": "keep"})
    assert found["entries"][0]["data"]["headers"] == [["Authorization", None]]
    assert found["user"] == EVENT["user"]


@pytest.mark.parametrize("path", ["event/user/email", "email", "events/", "/user"])
def test_an_override_of_no_stream_is_a_mistake(path: str) -> None:
    with pytest.raises(UsageError, match="privacy_overrides"):
        policy_of(load_settings(None, {"privacy_overrides": {path: "keep"}}, environment={}))
