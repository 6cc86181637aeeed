"""What the name of a field says about its value, for free-form parts that no stream can declare."""

from __future__ import annotations

import re
from functools import lru_cache

CREDENTIALS = (
    *(
        "passw",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "authorization",
        "credential",
        "cookie",
        "csrf",
        "xsrf",
    ),
    *("apikey", "accesskey", "privatekey", "signingkey", "encryptionkey", "bearer", "jwt", "sessid"),
    *("creditcard", "cardnumber"),
)
"""Parts of names of values that open doors. `session_id` is none: it is hashed like a person."""

PEOPLE = (
    *("email", "username", "telephone", "phonenumber", "ipaddr", "remoteaddr", "remoteuser", "forwardedfor"),
    *("clientaddress", "peeraddress", "sessionid"),
    *("firstname", "lastname", "fullname", "surname", "familyname", "givenname", "nickname", "displayname"),
    *("realname", "birth"),
)
"""Parts of names of values that say who somebody is."""

EXACT = {
    "secret": ("auth", "pin", "otp", "cvv", "cvc", "ssn", "iban"),
    "data": (
        *("ip", "mail", "mails", "login", "phone", "mobile", "mobilephone", "tel", "session", "sid"),
        *("clientip", "userip", "remoteip", "sourceip", "srcip", "realip", "peerip", "connectingip"),
        *("xrealip", "xclientip", "trueclientip", "cfconnectingip", "httpxrealip", "httpclientip"),
    ),
    "user": ("user", "currentuser"),
    "user_id": ("userid", "uid", "enduserid"),
    "geo": ("geo", "usergeo"),
    "headers": ("headers", "requestheaders", "responseheaders"),
    "query_string": ("querystring", "httpquery", "httpfragment", "urlquery", "urlfragment", "queryparams"),
    "body": ("body", "requestbody", "responsebody", "httpbody", "postdata", "formdata"),
    "url": ("href", "from", "to", "referer", "referrer", "httpreferer", "urlfull"),
}
"""Whole names, by the kind their value is treated as."""

URLS = ("url", "uri")
"""Ends of names of values that may carry a query."""

SEPARATORS = b"_-. :[]"
LOWER = bytes(range(256)).lower()
_exact = {name: kind for kind, names in EXACT.items() for name in names}

ESCAPED_KEY = re.compile(rb'\\.[^"\\]*"\s*:')
SPACED_KEY = re.compile(rb'"\s+:')
EMAIL_END = re.compile(rb'@[^"@\s]+"')
ESCAPE = b"\\u0040"
"""An `@` that does not look like one."""

OPAQUE_ID = re.compile(
    r"(?:(?:u|usr|user|uid|id|cus|cust|customer|acct|account)[-_:|]?|[a-z0-9-]{1,20}\|)?"
    r"(?:[0-9]{1,20}|[0-9a-fA-F]{16,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
"""A user id that tells nothing by itself."""

KEPT_TAGS = {"release", "dist", "environment"}
"""Tags that name no person, whatever they look like (`app@1.0.beta`), and that tables are joined by."""


PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.:$-]{0,63}")
"""A key that names a field; other keys are data themselves."""

EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,24}")
"""An e-mail address, letters of any script."""


def normalise(name: str) -> str:
    """A name without case and separators: `X-Api_Key`, `xApiKey` and `x.api.key` are all `xapikey`."""
    return name.encode("utf-8", "replace").translate(LOWER, SEPARATORS).decode()


@lru_cache(maxsize=4096)
def kind_of(name: str) -> str | None:
    """The kind a value is treated as because of its field's name; None = nothing personal by its name."""
    plain = normalise(name)
    if any(part in plain for part in CREDENTIALS):
        return "secret"
    exact = _exact.get(plain)
    if exact is None and any(part in plain for part in PEOPLE):
        return "data"
    return "url" if exact is None and plain.endswith(URLS) else exact


@lru_cache(maxsize=4096)
def _is_suspect(key: bytes) -> bool:
    return kind_of(key.decode("utf-8", "replace")) is not None


def suspects(data: bytes) -> tuple[bytes, ...]:
    """Marks of what JSON text may hold: keys of some kind, e-mail addresses. A part of the text without any
    of the marks holds neither; without marks the whole does not.

    Keys are found by what follows them, several times faster than by decoding, and those that a second value
    stands under are found too.
    """
    if ESCAPED_KEY.search(data) or SPACED_KEY.search(data):
        return (b'"',)
    keys = {part.rpartition(b'"')[2] for part in data.split(b'":')}
    found = [key + b'"' for key in keys if _is_suspect(key)]
    if EMAIL_END.search(data):
        found.append(b"@")
    if ESCAPE in data:
        found.append(ESCAPE)
    return tuple(found)


def may_be_email(data: bytes) -> bool:
    """Whether a JSON string may be an e-mail address."""
    return b"@" in data or ESCAPE in data


@lru_cache(maxsize=4096)
def kind_of_tag(key: str) -> str | None:
    """The kind of a tag's value by its key; None = nothing personal by its name."""
    plain = key.lower().removeprefix("sentry:")
    if plain in KEPT_TAGS:
        return None
    if plain.startswith("user.geo"):
        return None if plain.endswith("country_code") else "geo"
    if plain == "user.id":
        return "user_id"
    return "data" if plain.startswith("user.") else kind_of(plain)
