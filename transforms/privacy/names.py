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
    *("email", "username", "phone", "ipaddr", "remoteaddr", "remoteuser", "forwardedfor", "sessionid"),
    *("firstname", "lastname", "fullname", "surname", "familyname", "givenname", "nickname", "displayname"),
    *("realname", "birth"),
)
"""Parts of names of values that say who somebody is."""

EXACT = {
    "secret": ("auth", "pin", "otp", "cvv", "cvc", "ssn", "iban"),
    "data": (
        *("ip", "mail", "mails", "login", "mobile", "session", "sid"),
        *("clientip", "userip", "remoteip", "sourceip", "srcip", "realip", "peerip", "connectingip"),
        *("xrealip", "xclientip", "trueclientip", "cfconnectingip", "httpxrealip", "httpclientip"),
    ),
    "user": ("user", "currentuser"),
    "user_id": ("userid", "uid"),
    "geo": ("geo", "usergeo"),
    "headers": ("headers", "requestheaders", "responseheaders"),
    "query_string": ("querystring", "httpquery", "httpfragment", "queryparams"),
    "body": ("body", "requestbody", "responsebody", "httpbody", "postdata", "formdata"),
    "url": (
        *("url", "uri", "href", "from", "to", "referer", "referrer", "httpreferer", "httpurl"),
        *("requesturl", "requesturi", "fullurl", "documenturi", "documenturl", "blockeduri", "blockedurl"),
    ),
}
"""Whole names, by the kind their value is treated as."""

SEPARATORS = b"_-. :[]"
LOWER = bytes(range(256)).lower()
_exact = {name: kind for kind, names in EXACT.items() for name in names}
_needles = (
    *(part.encode() for part in (*CREDENTIALS, *PEOPLE)),
    *(b'"' + name.encode() + b'"' for name in _exact),
)

OPAQUE_ID = re.compile(
    r"(?:(?:u|usr|user|uid|id|cus|cust|customer|acct|account)[-_:|]?|[a-z0-9-]{1,20}\|)?"
    r"(?:[0-9]{1,20}|[0-9a-fA-F]{16,64}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
"""A user id that tells nothing by itself."""

PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.:$-]{0,63}")
"""A key that names a field; other keys are data themselves."""

EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.[^\W\d_]{2,24}")
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
    return exact


def mentions(data: bytes) -> bool:
    """Whether JSON text may hold a name of some kind, or a string that is an e-mail address.

    It errs on the safe side only: an escape could spell any name.
    """
    if b"@" in data or b"\\u" in data:
        return True
    plain = data.translate(LOWER, SEPARATORS)
    return any(needle in plain for needle in _needles)
