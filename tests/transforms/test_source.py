"""The line of code is taken out of the lines around it, whatever these hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from extractors.event_bodies import context_line

LINES = st.lists(
    st.text(alphabet='ab"\\[],0123456789 ü\n', max_size=12) | st.sampled_from(['"],[3,"', '[2,"', "],[1,"]),
    max_size=6,
)


def taken(pairs: object, line: int | None) -> str | None:
    text = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    found = context_line([text.encode(), None], [line, 1])
    assert found[1] is None
    return None if found[0] is None else found[0].decode()


@given(LINES, st.integers(0, 12), st.integers(-1, 14) | st.none())
def test_it_is_the_numbered_one(lines: list[str], first: int, line: int | None) -> None:
    pairs = [[first + i, text] for i, text in enumerate(lines)]
    wanted = next((text for number, text in pairs if number == line), None)
    assert taken(pairs, line) == wanted


def test_a_line_without_text_is_none() -> None:
    assert taken([[1, "a"], [2, None], [3, "c"]], 2) is None


def test_lines_that_are_not_numbered_one_by_one_do_no_harm() -> None:
    assert taken([[1, "a"], [5, "b"], [9, "c"]], 5) in (None, "b")


def test_a_line_is_found_also_where_json_is_written_with_spaces() -> None:
    text = json.dumps([[1, "a"], [2, "  ]"], [3, "c"]]).encode()
    assert context_line([text, text], [2, 3]) == [b"  ]", b"c"]


def test_a_text_that_looks_like_the_beginning_of_a_line_is_none() -> None:
    assert taken([[1, "a"], [2, "b"], [3, "c"], [4, "[1,"], [5, "[2,"]], 1) == "a"
    assert taken([[1, "a"], [2, "b"], [3, "c"], [4, "[1,"], [5, "[2,"]], 2) == "b"
