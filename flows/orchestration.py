"""Decides where a command runs: under Prefect when a server is configured, else in this process.

Prefect is not imported before it is needed: that alone takes seconds.
"""

from __future__ import annotations

import os
import re
import ssl
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.stopping import ending_soon

if TYPE_CHECKING:
    from flows.ending import Result
    from flows.replay import Replayed
    from flows.settings import Settings
    from flows.workers import Observer

API_URL = "PREFECT_API_URL"

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,extractors,transforms,warehouse",
}
"""Set before Prefect is imported, where the user has set nothing: no telemetry, patience with slow starts,
a sign of life often enough for the automation that notices killed runs, our own log lines in the UI."""

ANSWER_SECONDS = 5.0

NOT_THE_API = "name its API, whose address ends in /api on a server of your own"

LOCAL_API = "http://127.0.0.1:4200/api"
"""What Prefect's preset profile `local` says; it stands in no file of the user's."""


class PrefectUnreachable(Exception):
    """A Prefect server is configured and does not answer, or lets nothing run."""


def prepare_environment() -> None:
    """Sets what Prefect reads when it is imported; call it before."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def use_api(url: str) -> None:
    """Lets Prefect in this process and its children use the server that was found."""
    os.environ[API_URL] = url


def configured_api(environment: Mapping[str, str] | None = None) -> str:
    """The address of the Prefect API that is configured, or nothing.

    Looks where Prefect itself does, in its order: variable, `.env`, `prefect.toml` and `pyproject.toml` of
    the working directory, active profile.
    """
    environment = os.environ if environment is None else environment
    return (
        environment.get(API_URL)
        or _from_dotenv(Path(".env"))
        or _at(_toml(Path("prefect.toml")), "api", "url")
        or _at(_toml(Path("pyproject.toml")), "tool", "prefect", "api", "url")
        or _from_profile(environment)
    )


def _from_profile(environment: Mapping[str, str]) -> str:
    home = Path(environment.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = _toml(Path(environment.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"))
    active = environment.get("PREFECT_PROFILE") or _at(profiles, "active")
    preset = LOCAL_API if active == "local" else ""
    return _at(profiles, "profiles", active, API_URL) or preset


def _from_dotenv(file: Path) -> str:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines)
    found = {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
    return found.get(API_URL, "")


def _toml(file: Path) -> dict[str, Any]:
    """The file's content; nothing when it is not there or broken (Prefect says so itself)."""
    try:
        return tomllib.loads(file.read_text())
    except (OSError, ValueError):
        return {}


def _at(values: Any, *keys: str) -> str:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, str) else ""


def check_api(url: str, *, otherwise: str = "or run without it: --no-prefect") -> None:
    """Raises PrefectUnreachable, in one sentence that ends in `otherwise`, when no Prefect answers there."""
    remedy = "start it"
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/health")  # noqa: S310  # the user's own address
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            if answer.headers.get_content_type() != "text/html":
                return
        problem, remedy = "answers with a web page", NOT_THE_API
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):  # it answers, and Prefect's client knows how to log in
            return
        problem = f"answers {error.code}"
        if error.code < 500:
            remedy = NOT_THE_API
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):  # Prefect's client may know its certificate
            return
        problem = f"does not answer ({reason})"
    raise PrefectUnreachable(
        f"The Prefect server at {url} {problem}: {remedy}, unset {API_URL} (or the profile), {otherwise}."
    )


def explain_refusal(error: Exception) -> str:
    """What Prefect's client says, in a sentence; of a login that it lacks, what to set."""
    text = str(error)
    if re.search(r"\b40[13] (Unauthorized|Forbidden)", text):
        return (
            "its server wants to know who asks. Set PREFECT_API_AUTH_STRING (user:password) for a server "
            "with a password, PREFECT_API_KEY for Prefect Cloud."
        )
    return text.partition("\n")[0].partition(" - For more information")[0] or type(error).__name__


def export(
    settings: Settings,
    observer: Observer,
    *,
    prefect: bool = True,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Result:
    """`pipeline.export`, as a Prefect flow run when a server is configured and `prefect` is not refused.

    Raises what `pipeline.export` does, and PrefectUnreachable.
    """
    if not _is_ready(prefect):
        from flows.pipeline import export as export_here

        with ending_soon():
            return export_here(settings, observer, since=since, until=until)
    from flows.nightly import export_orchestrated

    return export_orchestrated(settings, observer, since=since, until=until)


def replay(
    settings: Settings,
    *,
    prefect: bool = True,
    streams: Sequence[str] = (),
    since: datetime | None = None,
    force: bool = False,
) -> Replayed:
    """`replay.replay`, then publishes; as a Prefect flow run under the same conditions as `export`.
    With `force`, which is a person's decision, always in this process.

    Raises what they do, and PrefectUnreachable.
    """
    if force or not _is_ready(prefect):
        from flows.publishing import publish_home
        from flows.replay import replay as replay_here

        with ending_soon():
            replayed = replay_here(settings, streams=streams, since=since, force=force)
            publish_home(settings)
        return replayed
    from flows.nightly import replay_orchestrated

    return replay_orchestrated(settings, streams, since)


def publish(settings: Settings, *, prefect: bool = True, compact: bool = False) -> Path:
    """Publishes; as a Prefect flow run under the same conditions as `export`. Returns the link.

    Raises WarehouseError and PrefectUnreachable.
    """
    if not _is_ready(prefect):
        from flows.publishing import publish_home

        with ending_soon():
            return publish_home(settings, compact=compact)
    from flows.nightly import publish_orchestrated

    return publish_orchestrated(settings, compact=compact)


def _is_ready(prefect: bool) -> bool:
    """Whether to run under Prefect; then it may be imported. Raises PrefectUnreachable."""
    api = configured_api() if prefect else ""
    if not api:
        return False
    check_api(api)
    prepare_environment()
    use_api(api)
    for name in ("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "PREFECT_INTERNAL_LOGGING_LEVEL"):
        os.environ.setdefault(name, "CRITICAL")  # a terminal shows bars, the server has the log
    return True
