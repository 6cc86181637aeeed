"""Addresses: of the server, its regions, of paths and redirects. What decides where a token may go."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, urljoin, urlsplit

from extractors.errors import BadQuery, NotSentry

API = "/api/0"
SAAS = "sentry.io"
"""Sentry's own domain: its regions are us.sentry.io, de.sentry.io and so on (facts §3.3)."""
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SAFE = "/%:@!$&'()*+,;=~-._"


def base_of(url: str) -> str:
    """`https://host:port/prefix/api/0`. Raises NotSentry for what cannot be a server's address."""
    wrong = NotSentry(
        "SENTRY_URL must look like https://sentry.io or https://sentry.example.org/prefix.", reason="URL"
    )
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise wrong
    if parts.query or parts.fragment:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/').removesuffix(API)}{API}"


def region_base(region: str, base: str) -> str | None:
    """The base URL of a region; None when it is not of the same party as the configured server.

    Of the same party are sub-domains of the configured host, and for any host of sentry.io all of that
    domain; over https at its own port, or as the configured server is reached.
    """
    try:
        parts, home = urlsplit(region.strip()), urlsplit(base)
        port = parts.port or _PORTS.get(parts.scheme)
        home_port = home.port or _PORTS[home.scheme]
    except ValueError:
        return None
    host, home_host = parts.hostname or "", home.hostname or ""
    if host == home_host:
        return base
    if (parts.scheme, port) not in (("https", _PORTS["https"]), (home.scheme, home_port)):
        return None
    if "@" in parts.netloc or not _HOST.fullmatch(host) or ".." in f".{host}.":
        return None
    domain = SAAS if home_host.endswith("." + SAAS) else home_host
    if not (host == domain or host.endswith("." + domain)) or _is_address(home_host):
        return None
    netloc = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{API}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def clean_path(path: str) -> str:
    """The path as it goes on the wire, with a slash at both ends; percent-encoded segments stay.

    Raises BadQuery for dots that would climb out of it: slugs come from payloads.
    """
    encoded = quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path), safe=_SAFE)
    segments = encoded.strip("/").split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise BadQuery(
            "A path with empty or dotted segments is never asked for.", path=encoded, reason="path"
        )
    return "/" + "/".join(segments) + "/"


def resolved(url: str, location: str) -> str | None:
    """Where a redirect leads; None when that cannot be read as an address."""
    try:
        target = urljoin(url, location)
        origin_of(target)
    except ValueError:
        return None
    return target


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(parts.scheme)}"


def shown_origin(url: str) -> str:
    """Scheme and host for people, with nothing a server could hide in the rest."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{port}" if _HOST.fullmatch(host) else "an unreadable address"


def path_below(url: str, base: str) -> str | None:
    """The path below /api/0, None when it is elsewhere on the host (a login page)."""
    path = urlsplit(url).path
    prefix = urlsplit(base).path + "/"
    return "/" + path.removeprefix(prefix) if path.startswith(prefix) else None
