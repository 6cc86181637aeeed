"""Tags about users, in every shape they come in: objects of key, value and query; pairs; one object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from transforms.privacy.names import KEPT_TAGS, kind_of_tag
from transforms.privacy.tree import (
    BRACE,
    BRACKET,
    NULL,
    QUOTE,
    first_byte,
    is_empty,
    read_list,
    read_object,
    text_of,
    write,
)

if TYPE_CHECKING:
    from transforms.privacy.values import Values

LABEL = re.compile(r"(id|email|username|ip|name):(.*)", re.DOTALL)
"""A user as Sentry writes one in a text."""

TAG_QUERY = re.compile(r'([\w.:\[\]-]+?):"')


class _Tag(msgspec.Struct, gc=False):
    key: str
    value: str | None = None


_read_tags = msgspec.json.Decoder(list[_Tag]).decode


class Tags:
    """Treats tags; what a tag's value is treated as, Values does."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def treat(self, raw: Raw, path: str) -> Raw:
        kind = first_byte(raw)
        if kind == BRACE:
            return write(
                {self.values.free_key(k, path): self.tag(k, v, path) for k, v in read_object(raw).items()}
            )
        if kind != BRACKET:
            return self.values.whole(raw, path)
        items = read_list(raw)
        harmless = self._harmless(raw, len(items))
        return write([t if i in harmless else self._item(t, path) for i, t in enumerate(items)])

    def _harmless(self, raw: Raw, count: int) -> set[int]:
        """Places of tags that need no look, found in one pass; none where anything is out of the ordinary."""
        data = bytes(raw)
        if self.values.strict or b"\\u" in data or data.count(b'"key"') != count:
            return set()
        try:
            tags = _read_tags(data)
        except msgspec.ValidationError:
            return set()
        return {
            i for i, t in enumerate(tags) if kind_of_tag(t.key) is None and "@" not in t.key + (t.value or "")
        }

    def _item(self, raw: Raw, path: str) -> Raw:
        if first_byte(raw) == BRACKET:
            pair = read_list(raw)
            if len(pair) == 2 and first_byte(pair[0]) == QUOTE:
                name = text_of(pair[0])
                return write([self.values.free_key(name, path), self.tag(name, pair[1], path)])
        if first_byte(raw) != BRACE:
            return self.values.data(raw, path)
        values = read_object(raw)
        named = values.get("key", NULL)
        key = text_of(named) if first_byte(named) == QUOTE else None
        if key is not None:
            values["key"] = write(self.values.free_key(key, path))
        value = values.get("value", NULL)
        treated = self.values.data(value, path) if key is None else self.tag(key, value, path)
        if treated == value and key is not None and kind_of_tag(key) in (None, "url"):
            return write(values)
        for field, found in values.items():
            if field == "value":
                values[field] = treated
            elif field == "query":
                values[field] = _tag_query(found, treated)
            elif field != "key" and treated != value:
                values[field] = self.values.data(found, path)
        return write(values)

    def tag(self, key: str, raw: Raw, path: str) -> Raw:
        """The value of one tag."""
        here = f"{path}/{key}"
        kind = kind_of_tag(key)
        override = self.values.policy.override(here) if kind != "secret" else None
        if override is not None and (kind, override) != ("user", "hash"):
            return self.values.hashed(raw, override)
        if kind is not None:
            return self.values.of_kind(kind, raw, here)
        return raw if key.lower() in KEPT_TAGS else self.values.text(raw, here)


def _tag_query(query: Raw, treated: Raw) -> Raw:
    """The search text of a tag (`user.id:"42"`), said again with what its value became."""
    found = TAG_QUERY.match(text_of(query)) if first_byte(query) == QUOTE else None
    if found is None or first_byte(treated) != QUOTE:
        return query if is_empty(query) else NULL
    value = text_of(treated)
    label = LABEL.fullmatch(value)
    if found[1].startswith("user.") and label is not None:
        value = label[2]
    return write(f'{found[1]}:"{value}"')
