"""Whatever a server sends: no crash, no record lost, and everything odd is written down."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.cases import CASES, CONTEXT, Case, check_frames, first_at
from contract.shapes import NASTY, Copy, as_json, broken_pages, make_page, odd_places, shape_of
from transforms.frames import Batch
from transforms.repair import Unreadable
from warehouse.schema import Context

RECORDS = pytest.mark.parametrize(
    "case", [c for c in CASES if c.request.shape == "records"], ids=lambda c: c.name
)
SERIES = pytest.mark.parametrize(
    "case", [c for c in CASES if c.request.shape == "series"], ids=lambda c: c.name
)
DISCOVER = pytest.mark.parametrize(
    "case", [c for c in CASES if c.request.shape == "discover"], ids=lambda c: c.name
)
some = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
SURROGATES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """A text as it can be stored."""
    return SURROGATES.sub("\ufffd", text)


def key_of(case: Case, record: Any) -> tuple[str, ...] | None:
    """The key a record should be stored under; None where it has none."""
    root = case.request.tables[0]
    columns = [c for c in root.all_columns if c.name in root.key and not isinstance(c.at, Context)]
    found = [first_at(record, c.at if isinstance(c.at, tuple) else (str(c.at),)) for c in columns]
    return None if None in found else tuple(plain(_text(value)) for value in found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def told(batch: Batch, path: str) -> bool:
    """Whether drift or rejects speak of a place."""
    path = plain(path)
    above, _, last = path.rpartition("/")
    return any(d.path in (path, f"{above}/*".strip("/")) for d in batch.drift) or any(
        r.path == path or (r.reason == "not a time" and last in r.path) for r in batch.rejects
    )


@RECORDS
def test_odd_records_are_stored_and_their_oddities_told(case: Case) -> None:
    shape = shape_of(case)

    @some
    @given(parts=broken_pages(case))
    def check(parts: list[Copy]) -> None:
        page = make_page(case, parts)
        batch = case.read([as_json(page)])
        check_frames(case, batch)
        assert batch.records == len(page)
        newest = {key_of(case, record): record for record in page if isinstance(record, dict)}
        newest.pop(None, None)
        stored = {key_of(case, record) for record in case.stored(newest.values())}
        root = batch.frames[case.request.tables[0]]
        keys = [k for k in case.request.tables[0].key if k in root.columns]
        own = [k for k in keys if k != "organization_id"] or keys
        assert set(root.select(own).rows()) == stored
        for record in (*newest.values(), *(r for r in page if not isinstance(r, dict))):
            for path in odd_places(shape, record):
                assert told(batch, path), f"nothing tells of {path!r}"

    check()


@RECORDS
def test_odd_records_do_no_harm_to_others(case: Case) -> None:
    sound = case.records()
    keys = {key_of(case, r) for r in sound}

    @some
    @given(parts=broken_pages(case))
    def check(parts: list[Copy]) -> None:
        odd = [r for r in make_page(case, parts) if not isinstance(r, dict) or key_of(case, r) not in keys]
        batch, alone = case.read([as_json([*sound, *odd])]), case.read([as_json(sound)])
        for table in case.request.tables:
            frame, wanted = batch.frames[table], alone.frames[table]
            of_sound = frame.join(wanted.select(list(table.key)), on=list(table.key), how="semi")
            assert of_sound.sort(table.key).equals(wanted.sort(table.key)), table.name

    check()


@RECORDS
@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("opening", [b'{"x":', b"["])
def test_deep_nesting_costs_no_record(case: Case, depth: int, opening: bytes) -> None:
    deep = opening * depth + b"1" + {b"[": b"]", b'{"x":': b"}"}[opening] * depth
    records = case.records()
    for place in (b'"brandNew":', _free_place(case)):
        first = as_json(records[0])
        body = b"[" + first[:-1] + b"," + place + deep + b"}," + as_json(records)[1:]
        batch = case.read([body])
        check_frames(case, batch)
        assert batch.records == len(records) + 1
        assert batch.frames[case.request.tables[0]].height == len(case.stored(records))


def _free_place(case: Case) -> bytes:
    free = [key for key, sub in shape_of(case).fields.items() if sub == "any"]
    return json.dumps(free[0] if free else "brandNew").encode() + b":"


@RECORDS
@pytest.mark.parametrize(
    "place",
    [
        b'"":1',
        b'"a/b~c[d]{e}":1',
        b'"*":[]',
        b'"\\ud800":{"\\udfff":1}',
        b'"dup":1,"dup":{}',
        b'"n":-1e-999',
        b'"n":1e999',
        b'"nul\\u0000":1',
        b'"back\\\\slash":1',
        b'"quo\\"te":1',
    ],
)
def test_strange_new_fields_are_told_and_cost_nothing(case: Case, place: bytes) -> None:
    records = case.records()
    body = b"[" + b",".join(as_json(r)[:-1] + b"," + place + b"}" for r in records) + b"]"
    batch = case.read([body])
    check_frames(case, batch)
    assert batch.frames[case.request.tables[0]].height == len(case.stored(records))
    assert batch.drift


@RECORDS
def test_the_last_of_repeated_fields_counts(case: Case) -> None:
    records = case.records()
    body = as_json(records)
    doubled = b"[" + b",".join(as_json(r)[:-1] + b"," + as_json(r)[1:] for r in records) + b"]"
    once, twice = case.read([body]), case.read([doubled])
    for table in case.request.tables:
        assert once.frames[table].equals(twice.frames[table])


@RECORDS
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
def test_bytes_that_are_no_text_cost_no_record(case: Case, bad: bytes) -> None:
    records = case.records()
    body = b"[" + as_json(records[0])[:-1] + b',"brandNew":"' + bad + b'"},' + as_json(records)[1:]
    batch = case.read([body])
    check_frames(case, batch)
    assert batch.frames[case.request.tables[0]].height == len(case.stored(records))


@RECORDS
def test_ids_as_number_and_as_text_are_one(case: Case) -> None:
    """An outdated copy leaves neither its row nor the rows of its lists."""
    first, *_, last = case.records() * 2
    named = {"id", "eventID"} & set(first)
    page = [first | dict.fromkeys(named, 71), last | dict.fromkeys(named, "71")]
    batch, alone = case.read([as_json(page)]), case.read([as_json(page[1:])])
    for table in case.request.tables:
        assert batch.frames[table].equals(alone.frames[table]), table.name


@SERIES
def test_odd_series_are_stored_whole_or_refused(case: Case) -> None:
    answers = [json.loads(body) for body in case.bodies()]

    @some
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        answer = json.loads(json.dumps(data.draw(st.sampled_from(answers))))
        for _ in range(data.draw(st.integers(1, 3))):
            _break(data, answer)
        try:
            batch = case.read([as_json(answer)])
        except Unreadable:
            return
        check_frames(case, batch)

    check()


def _break(data: st.DataObject, value: Any) -> None:
    """Puts something nasty somewhere."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(value[key], dict | list) and value[key] and data.draw(st.integers(0, 5)):
            value = value[key]
            continue
        if isinstance(value, dict) and data.draw(st.integers(0, 5)) == 0:
            del value[key]
        else:
            value[key] = json.loads(json.dumps(data.draw(st.sampled_from(NASTY))))
        return


@SERIES
@pytest.mark.parametrize("number", [2**63, 2**70, -(2**63) - 1, 1.5, 1e300, 10**400])
def test_numbers_that_fit_no_column_are_told(case: Case, number: float) -> None:
    answer = json.loads(case.bodies()[0])
    measure = next(iter(answer["groups"][0]["series"]))
    answer["groups"][0]["series"][measure][0] = number
    batch = case.read([as_json(answer)])
    check_frames(case, batch)
    assert (
        batch.frames[case.request.tables[0]].height
        == case.read(case.bodies()).frames[case.request.tables[0]].height
    )
    assert batch.rejects


@DISCOVER
def test_odd_answers_of_discover_are_stored_and_told(case: Case) -> None:
    answers = [json.loads(body) for body in case.bodies()]

    @some
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        answer = json.loads(json.dumps(data.draw(st.sampled_from(answers))))
        for _ in range(data.draw(st.integers(1, 3))):
            _break(data, answer)
        try:
            batch = case.read([as_json(answer)])
        except Unreadable:
            assert not _is_answer(answer), "a readable answer was refused"
            return
        check_frames(case, batch)
        assert batch.records == len(answer["data"])

    check()


def _is_answer(answer: Any) -> bool:
    return isinstance(answer.get("data"), list) and all(isinstance(row, dict) for row in answer["data"])


STRANGE = {
    "no text": b'"\xff\xfe"',
    "half a character": b'"\\ud800"',
    "no number": b"NaN",
    "as deep as the client lets through": b"[" * 900 + b"]" * 900,
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("case", [c for c in CASES if c.request.shape != "records"], ids=lambda c: c.name)
def test_what_strict_decoders_refuse_costs_no_row_of_figures(case: Case, strange: bytes) -> None:
    name = b"groups" if case.request.shape == "series" else b"data"
    body = as_json(json.loads(case.bodies()[0]))
    odd = re.sub(rb'("%s": ?\[{)' % name, lambda found: found[1] + b'"brandNew":' + strange + b",", body)
    assert odd != body
    batch = case.read([odd])
    check_frames(case, batch)
    assert batch.records == case.read([body]).records


@DISCOVER
@pytest.mark.parametrize("number", [10**400, -(10**400), 2**70])
def test_huge_numbers_cost_no_row(case: Case, number: int) -> None:
    answer = json.loads(case.bodies()[0])
    for row in answer["data"]:
        row.update({name: number for name in row if "(" in name})
    batch = case.read([as_json(answer)])
    check_frames(case, batch)
    assert batch.frames.popitem()[1].height == len(answer["data"])
    assert batch.rejects


@DISCOVER
@pytest.mark.parametrize(
    "type_", ["number", "integer", "boolean", "date", "array", "duration", "never heard of"]
)
def test_any_type_may_come_for_any_field(case: Case, type_: str) -> None:
    """Which type a field has is Sentry's to say, and may change with its version."""
    answer = json.loads(case.bodies()[0])
    answer["meta"]["fields"] = dict.fromkeys(answer["meta"]["fields"], type_)
    for row in answer["data"]:
        row.update(dict.fromkeys(list(row)[1:2]))
    check_frames(case, case.read([as_json(answer)]))


def test_the_context_is_what_readers_are_given() -> None:
    needed = {
        c.at.name
        for case in CASES
        for t in case.request.tables
        for c in t.all_columns
        if isinstance(c.at, Context)
    }
    assert needed <= set(CONTEXT)
