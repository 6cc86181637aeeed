"""How a value of each kind is treated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import unquote_plus

from msgspec import Raw

from transforms.privacy.kinds import CONTEXT_FIELDS, KINDS, REQUEST_FIELDS, USER_FIELDS, KindError
from transforms.privacy.names import (
    EMAIL,
    OPAQUE_ID,
    PLAIN_KEY,
    kind_of,
    may_be_email,
    normalise,
    suspects,
)
from transforms.privacy.policy import Action, Policy
from transforms.privacy.tags import LABEL, Tags
from transforms.privacy.tree import (
    BRACE,
    BRACKET,
    DEEPEST,
    NULL,
    QUOTE,
    Node,
    Treat,
    first_byte,
    grow,
    is_empty,
    read_list,
    read_object,
    text_of,
    walk,
    write,
)

COUNTRY = {"country_code", "country_name", "country"}
COUNTRY_NAME = re.compile(r"[^\W\d_][\w .,'’()&-]{0,60}")
URL_PARTS = re.compile(r"([?#])")
LOGIN = re.compile(r"//[^/]*@")


Marks = tuple[bytes, ...] | None


class Values:
    """Treats values by kind, under one policy. Every method of KINDS takes a value and its path
    (`events/user/id`) and returns what may be written in its place."""

    def __init__(self, policy: Policy, hash_text: Callable[[str], str], scrub: Treat | None = None) -> None:
        self.policy = policy
        self.hash = hash_text
        self.scrub = scrub
        self.strict = any(action != "keep" for action in policy.overrides.values())
        self._trees: dict[str, Node] = {}
        self.tags = Tags(self).treat

    def treatment(self, kind: str, path: str) -> Treat | None:
        """What to do with values of the kind at the path; None where they are simply kept.

        Raises KindError.
        """
        found = KINDS.get(kind)
        if found is None:
            raise KindError(f"{path} is declared as {kind!r}, which is none of {', '.join(KINDS)}")
        kept = all(self.policy.action(group, path) == "keep" for group in found.groups)
        if kept and not found.always and not self.strict:
            return None
        return partial(getattr(self, found.method), path=path)

    def tree(self, stream: str, places: Iterable[tuple[str, str]]) -> Node:
        """The tree of (path, kind) pairs below a path. Raises KindError."""
        grown = []
        for path, kind in places:
            here = f"{stream}/{path}"
            treat = self.treatment(kind, here)
            members = KINDS[kind].groups == ("members",)
            bare: Treat = partial(self.member if members else self.whole, path=here)
            if treat is not None:
                grown.append((path, treat if self.scrub is None else _both(treat, self.scrub), bare))
            elif self.scrub is not None:  # texts are scrubbed around what is kept
                grown.append((path, _kept, _kept))
        return grow(grown)

    # -- whole values ----------------------------------------------------------------------------------

    def hashed(self, raw: Raw, action: Action) -> Raw:
        """The hash of a whole value of any JSON type, or null."""
        if action == "keep" or is_empty(raw):
            return raw
        return NULL if action == "drop" else Raw(f'"{self.hash(text_of(raw))}"'.encode())

    def whole(self, raw: Raw, path: str) -> Raw:
        return self.hashed(raw, self.policy.action("users", path))

    def secret(self, raw: Raw, path: str) -> Raw:
        return raw if is_empty(raw) else NULL

    def user_id(self, raw: Raw, path: str) -> Raw:
        action = self.policy.override(path)
        if action is None and OPAQUE_ID.fullmatch(text_of(raw)):
            return raw
        return self.hashed(raw, action or self.policy.users)

    def label(self, raw: Raw, path: str) -> Raw:
        """A user as Sentry writes one in a text: `email:a@b`. The prefix stays."""
        found = LABEL.fullmatch(text_of(raw)) if first_byte(raw) == QUOTE else None
        if found is None:
            return self.user_id(raw, path)
        prefix, value = found.groups()
        here = f"{path}/{prefix}"
        treated = self.user_id(write(value), here) if prefix == "id" else self.whole(write(value), here)
        return NULL if treated is NULL else write(f"{prefix}:{text_of(treated)}")

    def leaves(self, raw: Raw, action: Action, *, ids: bool = False, depth: int = 0) -> Raw:
        """Free data with each string and number hashed, or null as a whole. With `ids`, opaque ones under
        the key `id` stay."""
        if action == "keep" or is_empty(raw):
            return raw
        if action == "drop":
            return NULL
        kind = first_byte(raw)
        if kind in b"{[" and depth == DEEPEST:
            return self.hashed(raw, action)
        if kind == BRACE:
            fields = read_object(raw)
            return write({self.key(k): self._leaf(k, v, ids=ids, depth=depth + 1) for k, v in fields.items()})
        if kind == BRACKET:
            return write([self.leaves(item, action, ids=ids, depth=depth + 1) for item in read_list(raw)])
        return raw if kind in b"tf" else self.hashed(raw, action)

    def _leaf(self, key: str, raw: Raw, *, ids: bool = False, depth: int = 0) -> Raw:
        if kind_of(key) == "secret" and first_byte(raw) not in b"tf":
            return self.secret(raw, "")
        if ids and key == "id" and OPAQUE_ID.fullmatch(text_of(raw)):
            return raw
        return self.leaves(raw, "hash", ids=ids, depth=depth)

    def key(self, key: str) -> str:
        """A key of free data: names of fields stay, others are data themselves."""
        return key if PLAIN_KEY.fullmatch(key) else self.hash(key)

    def each(self, raw: Raw, path: str, treat: Callable[[Raw, str], Raw]) -> Raw:
        """A list with each item treated; a list in it is hidden."""
        items = read_list(raw)
        return write([self.hidden(i, path) if first_byte(i) == BRACKET else treat(i, path) for i in items])

    def hidden(self, raw: Raw, path: str) -> Raw:
        """What can not be looked through, as a whole, even where users are kept: it may hold credentials."""
        return self.hashed(raw, "drop" if self.policy.action("users", path) == "drop" else "hash")

    # -- users and members -----------------------------------------------------------------------------

    def data(self, raw: Raw, path: str) -> Raw:
        return self.leaves(raw, self.policy.action("users", path))

    def member(self, raw: Raw, path: str) -> Raw:
        action = self.policy.action("members", path)
        return self.leaves(raw, action, ids=True) if first_byte(raw) in b"{[" else self.hashed(raw, action)

    def user(self, raw: Raw, path: str) -> Raw:
        kind = first_byte(raw)
        if kind == BRACKET:
            return self.each(raw, path, self.user)
        if kind != BRACE:
            return self.label(raw, path)
        return write(
            {self.key(k): self._user_field(k, v, f"{path}/{k}") for k, v in read_object(raw).items()}
        )

    def _user_field(self, key: str, raw: Raw, path: str) -> Raw:
        treat: Callable[[Raw, str], Raw] = getattr(self, USER_FIELDS.get(key, "data"))
        return treat(raw, path)

    def geo(self, raw: Raw, path: str) -> Raw:
        if self.policy.action("users", path) == "keep" or is_empty(raw):
            return raw
        kind = first_byte(raw)
        if kind == BRACKET:
            return self.each(raw, path, self.geo)
        if kind != BRACE:
            return NULL
        return write({self.key(k): v if _is_country(k, v) else NULL for k, v in read_object(raw).items()})

    # -- requests --------------------------------------------------------------------------------------

    def url(self, raw: Raw, path: str) -> Raw:
        text = text_of(raw)
        if first_byte(raw) != QUOTE or EMAIL.fullmatch(text):
            return self.free(raw, path)
        action = self.policy.action("requests", path)
        base, *parts = URL_PARTS.split(text)  # the base, then marks and what follows them in turn
        made = LOGIN.sub("//", base, count=1)
        if action != "drop":
            made += "".join(part if part in "?#" else self._query_text(part, action) for part in parts)
        return raw if made == text else write(made)

    def query_string(self, raw: Raw, path: str) -> Raw:
        action = self.policy.action("requests", path)
        kind = first_byte(raw)
        if is_empty(raw):
            return raw
        if action == "drop":
            return NULL
        if kind == QUOTE:
            return write(self._query_text(text_of(raw), action))
        if action == "keep":
            return self.free(raw, path)
        if kind == BRACKET:
            return write([self._query_pair(item) for item in read_list(raw)])
        return self.leaves(raw, action)

    def _query_pair(self, raw: Raw) -> Raw:
        pair = read_list(raw) if first_byte(raw) == BRACKET else []
        if len(pair) != 2 or first_byte(pair[0]) != QUOTE:
            return self.leaves(raw, "hash")
        key = text_of(pair[0])
        return write([self.key(key), self._leaf(key, pair[1])])

    def _query_text(self, text: str, action: Action) -> str:
        """`a=1&b=2` with its values hashed as they are meant, so that they equal the same value elsewhere."""
        made = []
        for part in text.split("&"):
            key, equals, value = part.partition("=")
            name = unquote_plus(key)
            if kind_of(name) == "secret":
                made.append(key + equals)
            elif action == "keep" or not part:
                made.append(part)
            elif equals:
                made.append(self.key(name) + equals + (value and self.hash(unquote_plus(value))))
            else:
                made.append(self.hash(name))
        return "&".join(made)

    def body(self, raw: Raw, path: str) -> Raw:
        action = self.policy.action("requests", path)
        return self.free(raw, path) if action == "keep" else self.leaves(raw, action)

    def headers(self, raw: Raw, path: str) -> Raw:
        kind = first_byte(raw)
        if kind == BRACE:
            return write({k: self._header(k, v, path) for k, v in read_object(raw).items()})
        if kind != BRACKET:
            return self.secret(raw, path)
        return write([self._header_item(item, path) for item in read_list(raw)])

    def _header_item(self, raw: Raw, path: str) -> Raw:
        pair = read_list(raw) if first_byte(raw) == BRACKET else []
        if len(pair) != 2 or first_byte(pair[0]) != QUOTE:
            return self.secret(raw, path)
        return write([pair[0], self._header(text_of(pair[0]), pair[1], path)])

    def _header(self, name: str, raw: Raw, path: str) -> Raw:
        name = name.lower()
        here = f"{path}/{name}"
        plain = normalise(name).removeprefix("x")
        kind = kind_of(plain)
        if (
            kind == "secret"
            or "signature" in plain
            or "oidc" in plain
            or ("auth" in plain and "authority" not in plain)
        ):
            return self.secret(raw, here)
        override = self.policy.override(here)
        if override is not None:
            return self.hashed(raw, override)
        if kind == "data" or plain in ("forwarded", "from") or plain.endswith(("ip", "addr", "address")):
            return raw if self.policy.action("users", here) == "keep" else self.secret(raw, here)
        return self.free(raw, here) if kind is None else self.of_kind(kind, raw, here)

    # -- free data -------------------------------------------------------------------------------------

    def of_kind(self, kind: str, raw: Raw, path: str) -> Raw:
        """A value in free data whose name makes it one of a kind."""
        if kind == "secret" and first_byte(raw) in b"tf":  # such as "has_password": true
            return raw
        treat: Callable[[Raw, str], Raw] = getattr(self, KINDS[kind].method)
        return treat(raw, path)

    def named(self, path: str, key: str, raw: Raw, marks: Marks = None, depth: int = 0) -> Raw:
        """A field of free data."""
        kind = kind_of(key)
        if not self.policy.overrides:  # then nothing depends on the path
            return self.free(raw, path, marks, depth) if kind is None else self.of_kind(kind, raw, path)
        here = f"{path}/{key}"
        override = self.policy.override(here) if kind != "secret" else None
        if override is not None:
            return self.hashed(raw, override)
        return self.free(raw, here, marks, depth) if kind is None else self.of_kind(kind, raw, here)

    def text(self, raw: Raw, path: str) -> Raw:
        """A string that is hidden only if it is an e-mail address as a whole."""
        is_email = first_byte(raw) == QUOTE and may_be_email(bytes(raw)) and EMAIL.fullmatch(text_of(raw))
        return self.whole(raw, path) if is_email else raw

    def loose(self, raw: Raw, path: str) -> Raw:
        """Free data that must be an object or a list: anything else is hidden as a whole."""
        return self.free(raw, path) if first_byte(raw) in b"{[" else self.whole(raw, path)

    def free(self, raw: Raw, path: str, marks: Marks = None, depth: int = 0) -> Raw:
        """Free data, read only where there are marks of something personal in it."""
        data = bytes(raw)
        kind = data[0]
        if kind == QUOTE:
            return self.text(raw, path) if may_be_email(data) else raw
        if kind not in b"{[":
            return raw
        if marks is None:
            marks = suspects(data)
        if not self.strict and not any(map(data.__contains__, marks)):
            return raw
        if depth == DEEPEST:
            return self.hidden(raw, path)
        depth += 1
        if kind == BRACKET:
            return write([self.free(item, path, marks, depth) for item in read_list(raw)])
        fields = read_object(raw)
        return write(
            {self.free_key(k, path): self.named(path, k, v, marks, depth) for k, v in fields.items()}
        )

    def free_key(self, key: str, path: str) -> str:
        is_email = "@" in key and EMAIL.fullmatch(key) and self.policy.action("users", path) != "keep"
        return self.hash(key) if is_email else key

    def contexts(self, raw: Raw, path: str) -> Raw:
        return self.within(CONTEXT_FIELDS, raw, path)

    def entries(self, raw: Raw, path: str) -> Raw:
        kind = first_byte(raw)
        if kind == BRACKET:
            return self.each(raw, path, self.entries)
        if kind != BRACE:
            return self.whole(raw, path)
        values = read_object(raw)
        named = values.get("type", NULL)
        type_ = text_of(named).lower() if first_byte(named) == QUOTE else ""
        here = f"{path}/{type_}"
        for key, value in values.items():
            if key != "data":
                values[key] = self.free(value, here)
            elif type_ in ("", "request"):
                values[key] = self.within(REQUEST_FIELDS, value, here)
            else:
                values[key] = self.loose(value, here)
        return write(values)

    def within(self, places: tuple[tuple[str, str], ...], raw: Raw, path: str) -> Raw:
        """Free data with some places of known kind."""
        if first_byte(raw) not in b"{[":
            return self.whole(raw, path)
        tree = self._trees.get(path)
        if tree is None:
            tree = self._trees[path] = self.tree(path, places)
        return walk(tree, raw, self.named, path)


def _both(first: Treat, then: Treat) -> Treat:
    return lambda raw: then(first(raw))


def _kept(raw: Raw) -> Raw:
    return raw


def _is_country(key: str, raw: Raw) -> bool:
    return key in COUNTRY and first_byte(raw) == QUOTE and bool(COUNTRY_NAME.fullmatch(text_of(raw)))
