"""E-mail and IP addresses inside free text, for those who want no person mentioned anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

from msgspec import Raw

from transforms.privacy.names import EMAIL
from transforms.privacy.policy import Action
from transforms.privacy.tree import read_string, write

STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
"""A string of JSON, as it is written."""

HINT = re.compile(rb"@|\d\.\d|[:\da-fA-F]:|\\u")
"""What every string with an address has."""

LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]"
ADDRESS = re.compile(
    rf"(?<!{LOCAL}){EMAIL.pattern}"
    r"|(?<![\w.:@/+-])(?P<ip>(?:\d{1,3}\.){3}\d{1,3}(?![\w+-]|\.\w)"
    r"|(?=[\w:]*\d)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:+-]|\.\w))"
)
"""An e-mail address, or what may be an IP address. Not `app@1.2.3.4` or `v1.2.3.4`, which are versions."""


class Texts:
    """Replaces addresses in texts by their hashes, or by `[removed]` where users are dropped."""

    def __init__(self, hash_text: Callable[[str], str], users: Action) -> None:
        self.hash = hash_text
        self.users = users

    def scrub_text(self, text: str) -> str:
        """The text without addresses."""
        return ADDRESS.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        if found["ip"] is not None:
            try:
                ip_address(text)
            except ValueError:
                return text
        return "[removed]" if self.users == "drop" else self.hash(text)

    def scrub(self, raw: Raw) -> Raw:
        """The JSON value with all its strings scrubbed; all else byte for byte as it is."""
        return Raw(STRING.sub(self._scrub_string, bytes(raw)))

    def _scrub_string(self, found: re.Match[bytes]) -> bytes:
        if not HINT.search(found[0]):
            return found[0]
        text = read_string(found[0])
        scrubbed = self.scrub_text(text)
        return found[0] if scrubbed == text else bytes(write(scrubbed))
