"""A page's JSON in, the same page without personal data out."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import msgspec
from msgspec import Raw

from transforms.privacy.kinds import KINDS
from transforms.privacy.policy import Policy
from transforms.privacy.texts import Texts
from transforms.privacy.tree import BRACE, Node, fence, read_object, walk
from transforms.privacy.values import Values
from transforms.repair import Unreadable, repair, replace_surrogates

HASHED = re.compile(r"hash-[0-9a-f]{32}")
REMEMBERED = 4096
Places = tuple[tuple[str, str], ...]
GLOB = frozenset("*?[")
read_raw = msgspec.json.Decoder(Raw).decode


class Privacy:
    """Treats pages under one policy with one key. May be used by several threads."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        if not key:
            raise ValueError("The privacy key is empty.")
        self.policy = policy
        self._key = key
        self._hash = lru_cache(maxsize=REMEMBERED)(self._digest)  # the same few users fill a page
        texts = Texts(self.hash, policy.users)
        self._scrub = texts.scrub if policy.texts == "scrub" else None
        self._values = Values(policy, self.hash, self._scrub)
        stricter = max(policy.users, policy.members, key=("keep", "hash", "drop").index)
        of_members = replace(policy, users=stricter, requests=policy.requests or policy.users)
        self._of_members = Values(of_members, self.hash, self._scrub)
        self._plans: dict[tuple[str, Places, frozenset[str]], Node] = {}

    def __repr__(self) -> str:
        return f"Privacy({self.policy!r})"

    def hash(self, value: str) -> str:
        """The keyed hash of a value, as it stands in the warehouse wherever the value stood.

        What already is a hash stays one.
        """
        return value if HASHED.fullmatch(value) else self._hash(value)

    def _digest(self, value: str) -> str:
        text = value.encode("utf-8", "surrogatepass")
        return f"hash-{hmac.digest(self._key, text, 'sha256')[:16].hex()}"

    def redact(
        self,
        stream: str,
        body: bytes,
        personal: Sequence[tuple[str, str]],
        *,
        known: frozenset[str] = frozenset(),
        envelope: str = "",
    ) -> bytes:
        """A page of the stream with the values at its personal (path, kind) places treated.

        Paths are keys joined by `/` (a `/` in a key is `~1`); lists on the way are passed through. The
        records are the page's list, or the list at the key `envelope`; a lone object is one record.
        Where `known` names the paths of a record's declared fields, any that stands beside them is one that
        Sentry added meanwhile: it is treated as free data are, by its name and the names in it.
        Where nothing has to be treated, the body comes back as it is, whatever it holds.

        Raises KindError for a kind that does not exist, `transforms.repair.Unreadable` for a body that is
        no JSON: nothing of it may be written then.
        """
        node = self._plan(stream, tuple(personal), known)
        if node.idle and self._scrub is None:
            return body
        try:
            # halves of characters are what real pages hold of all that strict decoders refuse
            return self._page(node, replace_surrogates(body) if b"\\ud" in body else body, envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # left before repairing: the error holds pieces of the page
        repaired = repair(body)
        try:
            return self._page(node, repaired, envelope)
        except (msgspec.DecodeError, RecursionError):
            pass
        raise Unreadable("not JSON of a page")

    def _plan(self, stream: str, personal: Places, known: frozenset[str]) -> Node:
        key = (stream, personal, known)
        found = self._plans.get(key)
        if found is None:
            places = (*personal, *self._named_by_overrides(stream, personal))
            found = self._values.tree(stream, places)
            if known:
                paths = frozenset(path for path, _ in places)
                groups = {group for _, kind in personal for group in KINDS[kind].groups}
                # where all people in a stream work with Sentry, those in its new fields may do so, or not
                values = self._of_members if groups == {"members"} else self._values
                fence(found, known, paths, lambda path: partial(values.named, f"{stream}{path}"))
            self._plans[key] = found
        return found

    def _named_by_overrides(self, stream: str, personal: Places) -> Iterator[tuple[str, str]]:
        """Fields that only the policy calls personal; kinds that look through their values find theirs."""
        declared = {path for path, _ in personal}
        open_ = tuple(f"{path}/" for path, kind in personal if kind in KINDS and KINDS[kind].inside)
        for override in self.policy.overrides:
            place, _, path = override.partition("/")
            named = place == stream and path and not GLOB.intersection(path)
            if named and path not in declared and not path.startswith(open_):
                yield path, "data"

    def _page(self, node: Node, body: bytes, envelope: str) -> bytes:
        page = Raw(body)
        if body[:1] not in (b"[", b"{") or node.idle:
            page = read_raw(body)  # raises for what is no JSON
        if envelope and memoryview(page)[0] == BRACE and envelope in read_object(page):
            node = Node({envelope: node})
        scrub = self._scrub
        if scrub is None:
            return bytes(walk(node, page))
        if node.idle:
            return bytes(scrub(page))
        return bytes(walk(node, page, lambda _, __, value: scrub(value)))
