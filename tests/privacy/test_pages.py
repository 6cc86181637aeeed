"""What is not personal comes out byte for byte; what can not be read is repaired or refused."""

from __future__ import annotations

import contextlib
import json
import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.privacy.conftest import KEY, redact
from tests.privacy.measure import FULL, SUMMARY
from tests.privacy.pages import page
from transforms.privacy import KINDS, Policy, PolicyError, Privacy
from transforms.repair import Unreadable

USER = (("user/email", "email"), ("tags", "tags"), ("contexts", "contexts"))
ODD = [
    "1.10",
    "1e5",
    "1E-05",
    "-0",
    "-0.0",
    "1180591620717411303424",
    "3.141592653589793238462643383279",
    '"\\u0000"',
]

scalars = st.one_of(
    st.sampled_from(
        [*ODD, "null", "true", '"\\ud83d\\ude00"', '"\\/"', '"a\\\\\\"b"', "[ 1 , 2 ]", '{"a" : 1}']
    ),
    st.text().map(json.dumps),
    st.text(st.characters(exclude_categories=("Cs",))).map(lambda t: json.dumps(t, ensure_ascii=False)),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**80), 2**80).map(str),
)
keys = st.text(string.ascii_letters + "._é/~", min_size=1, max_size=6).filter(
    lambda k: k not in ("user", "tags", "contexts")
)
documents = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(keys, below, max_size=4).map(
            lambda d: "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{v}" for k, v in d.items()) + "}"
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    st.dictionaries(keys, documents, max_size=4), st.sampled_from([Policy(), Policy("drop"), Policy("keep")])
)
def test_all_else_is_byte_exact(record: dict[str, str], policy: Policy) -> None:
    if any("\\ud" in value for value in record.values()):
        try:
            for value in record.values():
                json.loads(value).encode() if value.startswith('"') else json.dumps(
                    json.loads(value), ensure_ascii=False
                ).encode()
        except UnicodeEncodeError:
            return  # lone surrogates are repaired
    members = [f"{json.dumps(k, ensure_ascii=False)}:{v}" for k, v in record.items()]
    whole = "[{" + ",".join([*members, '"user":{"email":"a@b.io"}']) + "}]"
    bare = "[{" + ",".join(members) + "}]"
    h = Privacy(policy, KEY).hash("a@b.io")
    email = {"hash": f'"{h}"', "drop": "null", "keep": '"a@b.io"'}[policy.users]
    assert redact(policy, whole.encode(), USER).decode() == whole.replace(
        '{"email":"a@b.io"}', f'{{"email":{email}}}'
    )
    assert redact(policy, bare.encode(), USER).decode() == bare


@pytest.mark.parametrize("number", ODD)
def test_odd_values_beside_and_inside_personal_parts(number: str) -> None:
    body = (
        f'[{{"n":{number},"user":{{"email":null,"x":{number}}},"tags":[{{"key":"a","value":{number}}}],'
        f'"contexts":{{"c":{{"d":{number}}},"user":{{}}}}}}]'
    )
    assert redact(Policy(), body.encode(), USER).decode() == body


@pytest.mark.parametrize("policy", [Policy("keep", "keep"), Policy()])
@pytest.mark.parametrize("name", ["members", "releases"])
def test_members_are_kept_by_default(name: str, policy: Policy) -> None:
    body = page(name)
    personal = [("email", "member"), ("user/email", "member"), ("authors/email", "member")]
    assert redact(policy, body, personal) == body
    assert redact(policy, b"not even JSON", personal) == b"not even JSON"


def test_kept_pages_are_the_same_bytes() -> None:
    body = page("events")
    assert redact(Policy("keep"), body, SUMMARY) is body
    assert redact(Policy(), body, ()) is body


def test_whole_pages_change_only_where_they_should() -> None:
    for name, personal in (("events", SUMMARY), ("events_full", FULL)):
        before = json.loads(page(name))
        after = json.loads(redact(Policy(), page(name), personal))
        changed = {key for a, b in zip(before, after, strict=True) for key in a if a[key] != b[key]}
        free = {"entries", "contexts", "context"} if name == "events_full" else set()
        assert {"user"} <= changed <= {"user", "tags"} | free
        assert [list(r) for r in before] == [list(r) for r in after]


def test_client_keys_lose_their_secrets() -> None:
    body = page("keys")
    secret = json.loads(body)[0]["secret"].encode()
    assert body.count(secret) == 2
    found = redact(Policy("keep", "keep", "keep"), body, [("secret", "secret"), ("dsn/secret", "secret")])
    assert secret not in found
    assert json.loads(found)[0]["dsn"]["public"]


def test_paths_may_hold_slashes_and_dots() -> None:
    body = b'{"data":[{"user.email":"a","a/b~c":"a"}],"meta":{"user.email":"string"}}'
    found = Privacy(Policy("drop"), KEY).redact(
        "discover", body, [("user.email", "email"), ("a~1b~0c", "email")], envelope="data"
    )
    assert found == b'{"data":[{"user.email":null,"a/b~c":null}],"meta":{"user.email":"string"}}'


@pytest.mark.parametrize(
    "body", [b'{"detail":"Rate limited"}', b'"Rate limited"', b"null", b"7", b"[]", b'["x",1,null]']
)
def test_other_answers_pass(body: bytes) -> None:
    assert redact(Policy(), body, USER) == body


BROKEN = {
    "nan": b'[{"n":NaN,"user":{"email":"a@b.io"}}]',
    "infinity": b'[{"n":-Infinity,"user":{"email":"a@b.io"}}]',
    "lone surrogate": b'[{"n":"\\ud800","user":{"email":"a@b.io"}}]',
    "bytes that are no UTF-8, elsewhere": b'[{"n":"\xff","user":{"email":"a@b.io"}}]',
    "bytes that are no UTF-8, there": b'[{"user":{"email":"a@b.io\xff"}}]',
    "bytes that are no UTF-8, in a key": b'[{"\xff":1,"user":{"email":"a@b.io"}}]',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_strict_decoders_refuse_is_repaired(body: bytes) -> None:
    found = redact(Policy(), body, USER)
    assert b"a@b.io" not in found
    assert b"hash-" in found


NO_JSON = {
    "empty": b"",
    "blank": b" \n",
    "html": b"<html>a@b.io</html>",
    "word": b"nope",
    "cut": b'[{"user":{"email":"a@',
    "two": b"[] []",
    "string": b'"a@b',
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
@pytest.mark.parametrize("texts", ["keep", "scrub"])
def test_no_json_is_refused_and_not_quoted(body: bytes, texts: Any) -> None:
    for personal in (USER, ()) if texts == "scrub" else (USER,):
        with pytest.raises(Unreadable) as error:
            redact(Policy(texts=texts), body, personal)
        seen: BaseException | None = error.value
        while seen is not None:
            assert "a@b" not in repr(seen)
            seen = seen.__context__


def test_a_very_deep_page_is_hidden_or_refused() -> None:
    deep = b"[" * 100_000 + b'"canary"' + b"]" * 100_000
    assert b"canary" not in redact(Policy(), b'[{"user":{"email":' + deep + b"}}]", USER)
    with contextlib.suppress(Unreadable):
        assert b"canary" not in redact(
            Policy(), deep.replace(b'"canary"', b'{"user":{"email":"canary"}}'), USER
        )


@pytest.mark.parametrize("depth", [30, 50, 450, 1100])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"x":', "}"),
        ("[", "]"),
        ('{"contexts":', "}"),
        ('[{"x":', "}]"),
        ('{"user":[', "]}"),
        ('{"geo":[', "]}"),
        ('{"headers":[["x",', "]]}"),
        ('{"vars":{"user":', "}}"),
    ],
)
@pytest.mark.parametrize(
    "where", ["contexts", "user/email", "user", "data", "entries", "geo", "page", "member"]
)
def test_no_depth_hides_anything(where: str, before: str, after: str, depth: int) -> None:
    kinds = {"user/email": "email", "page": "email"}
    for secret in ('{"password":"canary"}', '{"user":{"email":"canary"}}', '"canary@leak.example"'):
        deep = before * depth + secret + after * depth
        path = "user/email" if where == "page" else where
        nested = "".join(f'{{"{key}":' for key in path.split("/")) + deep + "}" * len(path.split("/"))
        body = f"[{nested}]" if where != "page" else deep
        if where == "page" and (before != "[" or "user" not in secret):
            continue  # a record has no personal places but those declared
        personal = [(path, kinds.get(where, where))]
        for policy in (Policy(members="hash"), Policy("drop", "drop")):
            try:
                assert b"canary" not in redact(policy, body.encode(), personal)
            except Unreadable:
                assert depth > 100


def test_hashes_are_keyed_short_and_the_same_everywhere(privacy: Privacy) -> None:
    found = privacy.hash("ana@example.test")
    assert found == "hash-" + __import__("hmac").new(KEY, b"ana@example.test", "sha256").hexdigest()[:32]
    assert privacy.hash("ana@example.test") == Privacy(Policy("drop"), KEY).hash("ana@example.test") == found
    assert Privacy(Policy(), b"another key of 32 bytes and more").hash("ana@example.test") != found
    assert privacy.hash("ANA@example.test") != found
    assert privacy.hash(found) == found
    assert privacy.hash("José") == privacy.hash("Jos\u00e9")
    assert privacy.hash("\udcff").startswith("hash-")


def test_treating_twice_is_treating_once() -> None:
    for name, personal in (("events", SUMMARY), ("events_full", FULL)):
        once = redact(Policy(), page(name), personal)
        assert redact(Policy(), once, personal) == once


def test_the_key_is_not_shown(privacy: Privacy) -> None:
    assert KEY.decode() not in repr(privacy) + str(vars(privacy).get("policy"))
    with pytest.raises(ValueError, match="empty"):
        Privacy(Policy(), b"")


def test_overrides() -> None:
    policy = Policy(
        overrides={
            "events/user/*": "drop",
            "events/user/id": "keep",
            "events/user/data": "keep",
            "events/culprit": "hash",
            "events/user/geo/x": "drop",
            "events/contexts/device/model": "drop",
            "issues/title": "drop",
        }
    )
    body = (
        b'[{"culprit":"f","title":"t","user":{"id":"ana","email":"a","data":{"a":1}},'
        b'"contexts":{"device":{"model":"X"}}}]'
    )
    personal = [
        ("user/id", "user_id"),
        ("user/email", "email"),
        ("user/data", "data"),
        ("contexts", "contexts"),
    ]
    (found,) = json.loads(redact(policy, body, personal))
    assert found == {
        "culprit": Privacy(policy, KEY).hash("f"),
        "title": "t",
        "user": {"id": "ana", "email": None, "data": {"a": 1}},
        "contexts": {"device": {"model": None}},
    }
    assert redact(policy, b'[{"title":"t"}]', (), stream="issues") == b'[{"title":null}]'
    hashed = redact(Policy(overrides={"events/user/id": "hash"}), b'[{"user":{"id":"42"}}]', personal[:1])
    assert hashed == b'[{"user":{"id":"%s"}}]' % Privacy(policy, KEY).hash("42").encode()


@pytest.mark.parametrize(
    "wrong",
    [{"users": "hide"}, {"members": ""}, {"requests": "x"}, {"texts": "drop"}, {"overrides": {"a/b": "x"}}],
)
def test_a_policy_that_does_not_exist_is_an_error(wrong: Any) -> None:
    with pytest.raises(PolicyError, match="is none of"):
        Policy(**wrong)


def test_every_stream_declares_kinds_that_exist() -> None:
    from extractors.stream import all_streams

    for stream in all_streams():
        for _, kind in (*stream.personal, *(p for r in stream.requests for p in getattr(r, "personal", ()))):
            assert kind in KINDS, stream.name


def test_importing_it_is_cheap() -> None:
    code = "import sys, transforms.privacy; sys.exit('polars' in sys.modules or 'httpx' in sys.modules)"
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )


def test_measuring_measures() -> None:
    from tests.privacy import measure

    body = page("events")
    assert measure.megabytes_per_second(msgspec.json.decode, body) > 0
