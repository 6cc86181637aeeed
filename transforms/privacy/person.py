"""One person taken out of pages that are archived already: how they are found, what takes their place."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from urllib.parse import quote, quote_plus

import msgspec
from msgspec import Raw

from transforms.privacy.names import EMAIL, kind_of, kind_of_tag
from transforms.privacy.page import Privacy, read_raw
from transforms.privacy.policy import Action, Policy
from transforms.privacy.tags import LABEL
from transforms.privacy.tree import (
    BRACE,
    BRACKET,
    DEEPEST,
    NULL,
    QUOTE,
    Treat,
    first_byte,
    grow,
    read_list,
    read_object,
    text_of,
    walk,
    write,
)
from transforms.repair import repair

FORGOTTEN = "[forgotten]"
"""Stands where a text mentioned the person."""

TELLING_ID = re.compile(r"[0-9a-fA-F]{16,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
FULL_NAME = re.compile(r"\w{2,}(?:[ .'-]+\w+)* +\w{2,}")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
BEFORE = r"(?:(?<![\w.+-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
AFTER = r"(?![\w-]|\.\w)"

IDENTITY = ("email", "ip", "username", "name", "user_id", "user", "tags")
"""Kinds by which a record says whose it is."""

TRIGGERS = {"email", "username", "name", "ip_address", "contact_email", "displayName", "login"}
NEIGHBOURS = TRIGGERS | {
    "emails",
    "avatar",
    "avatarUrl",
    "identities",
    "geo",
    "data",
    "firstName",
    "lastName",
}
"""Of an object in which one of TRIGGERS is the person, all these are theirs."""

NAMING = {"user", "user_id", "data"}
"""Kinds that the name of a field gives to what says who somebody is."""

BESIDE = 50
"""Other identifiers of the person that are told at most."""


class Person:
    """Whom to look for: a value as it may stand in pages, as it is or hashed, in any case of letters.

    `telling` says whether the value is one that nobody else has and no text holds by chance (an e-mail or IP
    address, a full name, a long id). Any other is looked for in fields that hold users only.
    """

    def __init__(self, value: str, hash_text: Callable[[str], str]) -> None:
        spellings = dict.fromkeys((value, value.lower()))
        self.spellings = tuple(spellings)
        self.hashes = tuple(hash_text(spelling) for spelling in spellings)
        self.telling = _is_telling(value) or value in self.hashes
        self._value = value.casefold()
        written = dict.fromkeys((value, quote(value, safe=""), quote(value, safe="@"), quote_plus(value)))
        forms = "|".join(map(re.escape, written))
        hashes = "|".join(map(re.escape, self.hashes))
        self._mention = re.compile(
            rf"{hashes}|{BEFORE}(?:{forms}){AFTER}" if self.telling else hashes, re.IGNORECASE
        )
        self._hint = re.compile(rf"{hashes}|{forms}", re.IGNORECASE)

    def may_be_in(self, raw: bytes | Raw) -> bool:
        """Whether JSON may hold the person, however it is escaped: a quick look that never misses."""
        text = bytes(raw).decode("utf-8", "replace")
        if "\\u" in text:
            text = ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._hint.search(text.replace("\\/", "/").replace('\\"', '"')) is not None

    def is_named(self, text: str, *, personal: bool) -> bool:
        """Whether a whole value is the person, alone or behind a label (`email:…`). A value that is not
        telling counts in a `personal` field only."""
        label = LABEL.fullmatch(text)
        said = label[2] if label else text
        if said in self.hashes:
            return True
        return (self.telling or personal) and said.casefold() == self._value

    def strike(self, text: str) -> str:
        """A text that mentions the person no more."""
        return self._mention.sub(FORGOTTEN, text)


def _is_telling(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return any(form.fullmatch(value) for form in (EMAIL, TELLING_ID, FULL_NAME))
    return True


class Forgetting:
    """Takes a person out of pages. `beside` collects by what else the same records named them."""

    def __init__(self, person: Person, key: bytes) -> None:
        self.person = person
        self.beside: dict[str, None] = {}
        self._key = key
        self._drops: dict[str, Privacy] = {}
        self._stand_ins: dict[str, Raw] = {}

    def page(
        self,
        stream: str,
        body: bytes,
        personal: Sequence[tuple[str, str]],
        *,
        known: frozenset[str] = frozenset(),
        rows: bool = False,
    ) -> tuple[bytes, int]:
        """A page without the person, and how many of its records held them.

        A record whose user is the person loses all that is personal in it, as under the policy `drop`, and
        the user's id. Any other keeps what it says of others: a value that is the person becomes null, with
        what stands beside it in the same object; a text that mentions them says `[forgotten]` there. With
        `rows` (the rows of a Discover query at `data`), where users are part of the key, a made-up value
        takes the place of each, so that no two rows become one. `known` as for `Privacy.redact`.

        Raises `transforms.repair.Unreadable` for a body that is no JSON.
        """
        if not self.person.may_be_in(body):
            return body, 0
        try:
            return self._page(stream, read_raw(body), personal, known, rows=rows)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # left before repairing: the error holds pieces of the page
        return self._page(stream, Raw(repair(body)), personal, known, rows=rows)

    def _page(
        self,
        stream: str,
        page: Raw,
        personal: Sequence[tuple[str, str]],
        known: frozenset[str],
        *,
        rows: bool,
    ) -> tuple[bytes, int]:
        kind = first_byte(page)
        fields = read_object(page) if rows and kind == BRACE else {}
        if first_byte(fields.get("data", NULL)) == BRACKET:
            made, count = self._records(stream, read_list(fields["data"]), personal, known, rows=True)
            # in their order: a page that does not hold the person is the same afterwards, byte for byte
            treated = {k: made if k == "data" else self._blank(v, k) for k, v in fields.items()}
            return bytes(write(treated)), count
        records = read_list(page) if kind == BRACKET else [page]
        made, count = self._records(stream, records, personal, known, rows=False)
        return bytes(write(made) if kind == BRACKET else made[0]), count

    def _records(
        self,
        stream: str,
        records: Iterable[Raw],
        personal: Sequence[tuple[str, str]],
        known: frozenset[str],
        *,
        rows: bool,
    ) -> tuple[list[Raw], int]:
        made, count = [], 0
        for record in records:
            treated = record
            if self.person.may_be_in(record):
                treated = self.record(stream, record, personal, known, rows=rows)
            count += treated != record
            made.append(treated)
        return made, count

    def record(
        self,
        stream: str,
        record: Raw,
        personal: Sequence[tuple[str, str]],
        known: frozenset[str] = frozenset(),
        *,
        rows: bool = False,
        theirs: bool = False,
    ) -> Raw:
        """One record without the person, as `page` treats it; with `theirs` it is known to be about them."""
        found = self._identifiers_in(record, personal)
        if theirs or self._names_them(found):
            for text in found:
                if not self.person.is_named(text, personal=True) and len(self.beside) < BESIDE:
                    label = LABEL.fullmatch(text)
                    self.beside.setdefault(label[2] if label else text)
            if rows:
                places = [(path, self._stand_in, _as_it_is) for path, kind in personal if kind in IDENTITY]
                record = walk(grow(places), record)
            else:
                page = self._drop(stream).redact(stream, b"[" + bytes(record) + b"]", personal, known=known)
                record = read_list(Raw(page))[0]
        return self._blank(record, "")

    def is_theirs(self, record: Raw, personal: Sequence[tuple[str, str]]) -> bool:
        """Whether a record's user is the person."""
        return self._names_them(self._identifiers_in(record, personal))

    def value(self, text: str, name: str, *, json: bool = False) -> str | None:
        """A value of a field of that name, or JSON, without the person; None where it is them."""
        treated = self._blank(Raw(text.encode()) if json else write(text), name)
        return None if treated == NULL else str(treated, "utf-8") if json else text_of(treated)

    def stand_in(self, value: str) -> str:
        """A made-up value for one that must not be null, the same each time."""
        return text_of(self._stand_in(write(value)))

    def _names_them(self, found: Sequence[str]) -> bool:
        return any(self.person.is_named(text, personal=True) for text in found)

    def _identifiers_in(self, record: Raw, personal: Sequence[tuple[str, str]]) -> list[str]:
        found: list[str] = []
        identity = [(path, kind) for path, kind in personal if kind in IDENTITY]
        walk(grow((path, self._collector(kind, found), _as_it_is) for path, kind in identity), record)
        return found

    def _collector(self, kind: str, found: list[str]) -> Treat:
        """Notes what values of the kind say of whose the record is; changes nothing."""

        def collect(raw: Raw) -> Raw:
            for text in _identifiers(raw, kind):
                found.append(text)
            return raw

        return collect

    def _drop(self, stream: str) -> Privacy:
        if stream not in self._drops:
            ids = ("user/*", "*/user/id", "*/user_id", "*/userId", "*/uid", "tags/user", "tags/user.*")
            overrides: dict[str, Action] = {f"{stream}/{place}": "drop" for place in ids}
            policy = Policy(users="drop", members="keep", requests="drop", overrides=overrides)
            self._drops[stream] = Privacy(policy, self._key)
        return self._drops[stream]

    def _stand_in(self, raw: Raw) -> Raw:
        if raw == NULL:
            return raw
        return self._stand_ins.setdefault(text_of(raw), write(f"forgotten-{secrets.token_hex(8)}"))

    def _blank(self, raw: Raw, key: str, depth: int = 0) -> Raw:
        """JSON without the person; what does not hold them stays byte for byte."""
        if not self.person.may_be_in(raw):
            return raw
        kind = first_byte(raw)
        personal = not NAMING.isdisjoint((kind_of(key), kind_of_tag(key)))
        if depth > DEEPEST:
            return NULL
        if kind == BRACKET:
            return write([self._blank(item, key, depth + 1) for item in read_list(raw)])
        if kind == BRACE:
            fields = read_object(raw)
            theirs = any(
                name in TRIGGERS and self.person.is_named(text_of(value), personal=True)
                for name, value in fields.items()
                if first_byte(value) == QUOTE
            )
            return write(
                {
                    self.person.strike(name): NULL
                    if theirs and name in NEIGHBOURS
                    else self._blank(value, _named(fields, name), depth + 1)
                    for name, value in fields.items()
                }
            )
        text = text_of(raw)
        if self.person.is_named(text, personal=personal):
            return NULL
        struck = self.person.strike(text)
        return raw if struck == text or kind != QUOTE else write(struck)


def _as_it_is(raw: Raw) -> Raw:
    return raw


def _named(fields: dict[str, Raw], name: str) -> str:
    """The name that says what a field's value is: of a tag's value it is the tag's key."""
    if name == "value" and "key" in fields and first_byte(fields["key"]) == QUOTE:
        return text_of(fields["key"])
    return name


def _identifiers(raw: Raw, kind: str) -> Iterable[str]:
    """What a value of an identifying kind says of whose the record is."""
    first = first_byte(raw)
    if kind == "tags":
        yield from _tagged(raw)
    elif first == BRACKET:
        for item in read_list(raw):
            yield from _identifiers(item, kind)
    elif first == BRACE:
        for key, value in read_object(raw).items():
            if key in ("id", "email", "username", "name", "ip_address") and first_byte(value) not in b"[{n":
                yield text_of(value)
    elif first != b"n"[0]:
        yield text_of(raw)


def _tagged(raw: Raw) -> Iterable[str]:
    if first_byte(raw) == BRACE:
        pairs: Iterable[tuple[str, Raw]] = read_object(raw).items()
    elif first_byte(raw) == BRACKET:
        pairs = [pair for item in read_list(raw) for pair in _pair(item)]
    else:
        return
    for key, value in pairs:
        plain = key.lower().removeprefix("sentry:")
        about_user = plain == "user" or (plain.startswith("user.") and not plain.startswith("user.geo"))
        if about_user and first_byte(value) not in b"[{n":
            yield text_of(value)


def _pair(item: Raw) -> Iterable[tuple[str, Raw]]:
    if first_byte(item) == BRACE:
        fields = read_object(item)
        if "key" in fields and "value" in fields and first_byte(fields["key"]) == QUOTE:
            yield text_of(fields["key"]), fields["value"]
    elif first_byte(item) == BRACKET:
        pair = read_list(item)
        if len(pair) == 2 and first_byte(pair[0]) == QUOTE:
            yield text_of(pair[0]), pair[1]
