"""How streams are cut into slices: where windows begin, how long they are, what is counted together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from extractors.plan import (
    Organization,
    Slice,
    counted_together,
    fill,
    floor,
    intervals,
    page_size,
    plan,
    split,
)
from extractors.stream import Request, Stream, Window, all_streams
from extractors.streams.discover import DEFAULT_QUERIES, configure

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 28, 10, 20)
TODAY = datetime(2026, 11, 28)
ACME = Organization(organization_id="1", slug="acme")
STREAMS = {stream.name: stream for stream in all_streams()}

Cut = tuple[datetime | None, datetime, int | None]


def cut(
    stream: str, watermark: datetime | None = None, since: datetime | None = None, as_of: datetime = NOW
) -> list[Cut]:
    """Windows of the stream's first request, with the step of each."""
    found: Stream = STREAMS[stream]
    slices = plan(found, found.requests[0], ACME, None, watermark=watermark, as_of=as_of, since=since)
    return [(s.window_start, s.window_end, s.interval_seconds) for s in slices]


def slice_of(start: datetime | None, end: datetime, seconds: int | None = None) -> Slice:
    return Slice(
        stream="any",
        request="",
        organization_id="1",
        organization_slug="acme",
        window_start=start,
        window_end=end,
        interval_seconds=seconds,
    )


def test_a_first_run_reads_what_sentry_keeps() -> None:
    assert cut("events") == [(NOW - 90 * DAY, NOW, None)]
    assert cut("event_counts") == [(TODAY - 90 * DAY, NOW, None)]
    assert cut("releases") == [(None, NOW, None)]
    assert cut("teams") == [(None, NOW, None)]
    assert cut("outcomes") == [
        (TODAY - 90 * DAY, TODAY - 30 * DAY, 86400),
        (TODAY - 30 * DAY, TODAY, 3600),
        (TODAY, NOW, 3600),
    ]


def test_a_night_reads_what_is_new_and_the_overlap() -> None:
    before = NOW - DAY
    assert cut("events", before) == [(before - 3 * DAY, NOW, None)]
    assert cut("releases", before) == [(before - 30 * DAY, NOW, None)]
    assert cut("outcomes", before) == [(TODAY - 3 * DAY, NOW, 3600)]
    assert cut("issues", before) == [(NOW - 90 * DAY, NOW, None)]


def test_a_long_pause_asks_by_itself_for_what_sentry_may_keep_no_longer() -> None:
    assert cut("events", NOW - 80 * DAY) == [(NOW - 83 * DAY, NOW, None)]
    assert cut("events", NOW - 89 * DAY) == [(NOW - 90 * DAY, NOW, None)]
    assert cut("events", NOW - 300 * DAY) == [
        (NOW - 300 * DAY, NOW - 90 * DAY, None),
        (NOW - 90 * DAY, NOW, None),
    ]
    assert cut("outcomes", NOW - 95 * DAY)[:2] == [
        (TODAY - 95 * DAY, TODAY - 90 * DAY, 86400),
        (TODAY - 90 * DAY, TODAY - 30 * DAY, 86400),
    ]
    # a sweep is of what is there now
    assert cut("issues", NOW - 300 * DAY) == [(NOW - 90 * DAY, NOW, None)]


def test_outcomes_after_a_pause_are_by_the_day_where_they_are_older_than_thirty() -> None:
    assert cut("outcomes", NOW - 29 * DAY)[:2] == [
        (TODAY - 31 * DAY, TODAY - 30 * DAY, 86400),
        (TODAY - 30 * DAY, TODAY, 3600),
    ]
    assert cut("outcomes", NOW - 28 * DAY) == [(TODAY - 30 * DAY, TODAY, 3600), (TODAY, NOW, 3600)]


def test_what_is_loaded_already_is_not_asked_for() -> None:
    assert cut("events", NOW) == []
    assert cut("events", NOW + timedelta(minutes=5)) == []
    assert cut("teams", NOW) == []


def test_what_was_read_by_a_clock_that_was_ahead_is_asked_for_again() -> None:
    assert cut("events", NOW + 30 * DAY) == [(NOW - 3 * DAY, NOW, None)]
    assert cut("teams", NOW + HOUR) == [(None, NOW, None)]


def test_a_backfill_begins_where_it_is_told_whatever_is_loaded() -> None:
    since = NOW - 9 * DAY
    assert cut("events", NOW, since, NOW - 8 * DAY) == [(since, NOW - 8 * DAY, None)]
    assert cut("sessions", NOW, since, TODAY - 8 * DAY) == [(TODAY - 9 * DAY, TODAY - 8 * DAY, 86400)]
    assert cut("events", None, NOW - 400 * DAY) == [(NOW - 400 * DAY, NOW, None)]


def test_a_query_by_the_day_is_a_slice_a_day() -> None:
    (request, _) = configure(DEFAULT_QUERIES)
    days = plan(STREAMS["discover"], request, ACME, None, watermark=NOW - DAY, as_of=NOW)
    assert [(s.window_start, s.window_end) for s in days] == [
        *((TODAY - n * DAY, TODAY - (n - 1) * DAY) for n in (4, 3, 2, 1)),
        (TODAY, NOW),
    ]


def test_pieces_are_cut_between_intervals_and_leave_nothing_out() -> None:
    records, series = STREAMS["events"].requests[0], STREAMS["sessions"].requests[0]
    halves = split(slice_of(TODAY, TODAY + 3 * HOUR), records)
    assert [(s.window_start, s.window_end) for s in halves] == [
        (TODAY, TODAY + HOUR * 1.5),
        (TODAY + HOUR * 1.5, TODAY + 3 * HOUR),
    ]
    days = split(slice_of(TODAY, TODAY + 5 * DAY, 86400), series, 3)
    assert [(s.window_end - s.window_start) // DAY for s in days if s.window_start] == [1, 2, 2]
    assert (days[0].window_start, days[-1].window_end) == (TODAY, TODAY + 5 * DAY)
    assert all(a.window_end == b.window_start for a, b in pairwise(days))
    again = replace(slice_of(TODAY, TODAY + 4 * DAY, 86400), page_cursor="0:100:0")
    assert [s.page_cursor for s in split(again, series)] == ["", ""]


@pytest.mark.parametrize(
    ("asked", "stream"),
    [
        (slice_of(None, NOW), "teams"),
        (slice_of(TODAY, TODAY + DAY, 86400), "sessions"),
        (slice_of(TODAY, TODAY + timedelta(seconds=1)), "events"),
    ],
)
def test_what_can_not_be_cut_makes_no_pieces(asked: Slice, stream: str) -> None:
    assert split(asked, STREAMS[stream].requests[0]) == []


def test_figures_of_a_window_are_not_cut() -> None:
    (request, _) = configure(DEFAULT_QUERIES)
    assert split(slice_of(TODAY, TODAY + DAY), request) == []


def test_intervals_are_counted_as_sentry_counts_them() -> None:
    assert intervals(slice_of(None, NOW)) == 1
    assert intervals(slice_of(TODAY, TODAY + DAY, 3600)) == 24
    assert intervals(slice_of(TODAY, NOW, 3600)) == 11
    assert intervals(slice_of(TODAY + HOUR / 2, TODAY + 2 * HOUR, 3600)) == 2
    assert intervals(slice_of(TODAY, TODAY + HOUR, 86400)) == 1


def test_pages_hold_as_many_groups_as_their_points_allow() -> None:
    request = Request(path="/x/", tables=(), page_size=100, points=1000)
    assert page_size(slice_of(TODAY, TODAY + DAY, 3600), request) == 1000 // 24 - 1
    assert page_size(slice_of(TODAY, TODAY + HOUR, 3600), request) == 100
    assert page_size(slice_of(TODAY, TODAY + 90 * DAY, 3600), request) == 1
    assert page_size(slice_of(TODAY, TODAY + DAY, 3600), replace(request, points=0)) == 100


def test_windows_counted_together_meet_without_gap_or_overlap() -> None:
    """Each day lies in exactly one stretch, and is in the stretch that is counted for it."""
    request = Request(path="/x/", tables=(), window=Window(longest=DAY, align=DAY))
    stretches = set()
    for back in range(90):
        day = TODAY - back * DAY
        found = counted_together(slice_of(day, min(day + DAY, NOW)), request, NOW)
        assert found is not None
        start, end, length = found
        assert start <= day < end
        assert length == DAY
        stretches.add((start, end))
    ordered = sorted(stretches)
    assert all(a[1] == b[0] for a, b in pairwise(ordered))
    assert ordered[-1] == (TODAY - 6 * DAY, NOW)
    assert all(end - start == 30 * DAY for start, end in ordered[:-1])


def test_the_newest_windows_of_a_run_that_ends_at_midnight_are_whole_days() -> None:
    request = Request(path="/x/", tables=(), window=Window(longest=DAY, align=DAY))
    assert counted_together(slice_of(TODAY - DAY, TODAY), request, TODAY) == (TODAY - 7 * DAY, TODAY, DAY)
    assert counted_together(slice_of(None, TODAY), request, TODAY) is None
    other = replace(request, window=Window(longest=2 * DAY))
    assert counted_together(slice_of(TODAY - DAY, TODAY), other, TODAY) is None


def test_parameters_of_a_window_are_left_out_without_one() -> None:
    parameters = (("start", "{start}"), ("end", "{end}"), ("interval", "{interval}"), ("query", ""))
    assert fill(parameters, slice_of(None, NOW)) == [("query", "")]
    assert fill(parameters, slice_of(TODAY, NOW, 3600)) == [
        ("start", "2026-11-28T00:00:00Z"),
        ("end", "2026-11-28T10:20:00Z"),
        ("interval", "1h"),
        ("query", ""),
    ]


def test_slices_are_told_apart_by_what_is_asked_and_not_by_their_names() -> None:
    one = slice_of(TODAY, NOW)
    assert replace(one, organization_slug="renamed", page_cursor="7").slice_id == one.slice_id
    others = [
        replace(one, window_start=None),
        replace(one, window_end=NOW + HOUR),
        replace(one, interval_seconds=60),
        replace(one, items=("1",)),
        replace(one, project_id="2"),
        replace(one, organization_id="2"),
        replace(one, request="full"),
        replace(one, stream="other"),
    ]
    assert len({s.slice_id for s in (one, *others)}) == len(others) + 1


def test_floor_is_a_multiple_of_the_step() -> None:
    assert floor(NOW, DAY) == TODAY
    assert floor(TODAY, DAY) == TODAY
    assert floor(datetime(1969, 12, 31, 23), DAY) == datetime(1969, 12, 31)


@pytest.mark.parametrize("stream", ["outcomes", "sessions"])
def test_no_series_has_more_intervals_than_sentry_answers(stream: str) -> None:
    """It answers 400 to one of more than 1,000 (facts §4.3, §4.4)."""
    for request in STREAMS[stream].requests:
        for since in (NOW - 400 * DAY, NOW - 90 * DAY):
            slices = plan(STREAMS[stream], request, ACME, None, watermark=None, as_of=NOW, since=since)
            assert max(map(intervals, slices)) <= 1_000
