"""All settings, from the configuration file, sentry-cli's files and the environment; variables win."""

from __future__ import annotations

import configparser
import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

CONFIG_FILE = "sentry-warehouse.toml"

ENCODING = "utf-8-sig"
"""Of files that people write, with or without the mark that editors of Windows begin them with."""

PREFIX = "SENTRY_WAREHOUSE_"
SENTRY_VARIABLES = {
    "SENTRY_URL": "url",
    "SENTRY_ORG": "organizations",
    "SENTRY_PROJECT": "projects",
    "SENTRY_AUTH_TOKEN": "token",
}
"""The words of sentry-cli, and the setting each one sets."""


NotNegative = msgspec.Meta(ge=0)
AtLeastOne = msgspec.Meta(ge=1)
LONGEST = 36_500
"""Days, or minutes, that a setting may span: times far before our own can not be written."""
Span = msgspec.Meta(ge=0, le=LONGEST)
MOST_FIELDS = 20
"""Fields that one Discover query may ask for (facts §4.5)."""


class UsageError(Exception):
    """The user's mistake: exit code 2, one sentence, no traceback."""


class Secret(str):
    """A text that shows itself to nobody."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'" if self else "''"


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Discover/Explore query to export as table `discover_<name>`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    """Table `discover_<name>`."""
    fields: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_FIELDS)]
    """Fields and aggregates to ask for, at most 20."""
    query: str = ""
    """Condition, in Sentry's search syntax."""
    dataset: str = "errors"
    """Dataset of Sentry: errors, transactions, spans, logs and others."""
    sort: list[str] = []
    """Fields to sort by; not set = all that are not aggregates."""
    interval: Literal["1h", "1d"] | None = None
    """Rows per hour or day, with `interval_start`; not set = one snapshot of all `days`."""
    days: Annotated[int, msgspec.Meta(ge=1, le=LONGEST)] = 90
    """How many days back the first run asks, or how many a snapshot spans."""


class Streams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which streams are exported: those of `only` (not set = all) without those of `exclude`."""

    only: list[str] = []
    """Names of the streams to export; not set = all."""
    exclude: list[str] = []
    """Names of streams to leave out."""


class Events(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How events are read."""

    overlap_days: Annotated[float, Span] = 3
    """Days of events that are read again each night, because events arrive late."""
    detail: Literal["summary", "latest-per-issue", "full"] = "latest-per-issue"
    """Full bodies to read: `summary` = none, `latest-per-issue` = the latest event of each issue that got
    one, `full` = all, ten a request (25 from older servers)."""
    detail_requests: Annotated[int, NotNegative] = 5_000
    """How many events one run asks for one by one at most."""


DriftLevel = Literal["note", "warn", "fail"]


class Drift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run does about fields that are new, gone, or of another type. They stand in `meta.drift` and
    `status` in any case."""

    default: DriftLevel = "note"
    """`note` does no more, `warn` adds a warning to the run, `fail` loads the data but ends the run with exit
    code 1 and without publishing."""
    streams: dict[str, DriftLevel] = {}
    """The same for single streams: stream = level."""
    accepted: list[str] = []
    """Fields that neither warn nor fail, as `stream:path`; a `*` at the end stands for the rest."""


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The raw archive. Nothing is removed unless one of these says so; what is removed can no longer be
    replayed, its rows stay in the tables."""

    keep_days: Annotated[float, Span] = 0
    """Runs that ended so many days before the newest one lose their archived pages. 0 = keep all."""
    max_gb: Annotated[float, NotNegative] = 0
    """The oldest runs lose their archived pages while the archive takes more gigabytes. 0 = no limit."""
    compact: bool = True
    """Whether the small files of a run are joined when it has ended."""


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Published files."""

    keep: Annotated[int, AtLeastOne] = 3
    """Published generations that stay on disk."""
    group_readable: bool = False
    """Whether the file's group may read what is published."""
    compact_days: Annotated[int, Span] = 7
    """Days after which publishing first rewrites the warehouse, which frees the space of replaced rows and
    takes 30 s per GB. 0 = never."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user can set. Field `a` of section `s` is also the variable SENTRY_WAREHOUSE_S_A."""

    url: str = "https://sentry.io"
    """Address of Sentry: sentry.io, the host of a region, or a server of your own."""
    token: str = ""
    """Token that reads Sentry. Better in a variable or in `token_file` than in this file."""
    token_file: str = ""
    """File that holds the token."""
    tokens: dict[str, str] = {}
    """Organizations with a token of their own: slug = name of a variable or path of a file that holds it. It
    is sent for that organization only, and the general token never is."""
    organizations: list[str] = []
    """Slugs or ids of the organizations to export; not set = all that the token lists."""
    projects: list[str] = []
    """Slugs or ids of the projects to export; not set = all that the token may see."""
    home: str = "./sentry-data"
    """Folder for everything on disk."""
    ca_bundle: str = ""
    """File with the certificates to trust, for a server with its own authority."""
    lag_minutes: Annotated[float, Span] = 10
    """Minutes before now at which the newest windows end, because Sentry takes a while to show what it
    received."""
    threads: Annotated[int, AtLeastOne] = 20
    """Slices of one kind of request that are worked on at the same time: 20 reach 40 requests a second even
    when each takes half a second."""
    retries: Annotated[int, NotNegative] = 5
    """How often one request is repeated at most."""
    details: Annotated[int, NotNegative] = 10_000
    """How many items, such as issues, one run asks for one by one at most, for each kind of request; for
    events it is `events.detail_requests`."""
    timeout: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60
    """Seconds of silence after which a request is given up."""
    memory: str = "160MB"
    """Most memory that DuckDB may use. Where it does not suffice, loading and publishing go on without a
    limit: mostly for values of 100 KB and more."""
    privacy: Literal["hash", "drop", "keep"] = "hash"
    """What happens to personal data of the users of your applications."""
    privacy_members: Literal["hash", "drop", "keep"] = "keep"
    """What happens to personal data of the people who work with Sentry."""
    privacy_requests: Literal["", "hash", "drop", "keep"] = ""
    """What happens to query strings and bodies of requests; not set = as `privacy`."""
    privacy_texts: Literal["keep", "scrub"] = "keep"
    """`scrub` replaces e-mail and IP addresses in titles, messages and other free text too."""
    privacy_key: str = ""
    """Key of the hashes, 16 characters or more; not set = made once, kept in `privacy.key`."""
    privacy_overrides: dict[str, Literal["hash", "drop", "keep"]] = {}
    """Exceptions from these for single fields: see [below](#privacy_overrides)."""
    streams: Streams = Streams()
    events: Events = Events()
    publish: Publish = Publish()
    drift: Drift = Drift()
    archive: Archive = Archive()
    full_audit: bool = False
    """Whether exports read all that Sentry keeps of events, and issues' own pages, again, as with
    `--full-audit`."""
    discover: list[Query] | None = None
    """Discover/Explore queries to export, one table each; not set = the two that come along."""

    @property
    def home_path(self) -> Path:
        """The one folder for everything on disk."""
        return Path(self.home).expanduser()

    def __repr__(self) -> str:
        return f"Settings(url={self.url!r}, organizations={self.organizations!r}, home={self.home!r})"


FORGETTING = ".forgetting"
"""Stands in the home while people are being forgotten, with a digest of each value that it was begun for."""


def load_settings(
    config: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from, in rising precedence: defaults, `~/.sentryclirc`, the nearest `.sentryclirc` above the
    working directory, the configuration file, variables, `overrides` (command-line options).

    Raises UsageError for a file that can not be read, a name that is none, or a value that does not fit,
    naming both.
    """
    environment = os.environ if environment is None else environment
    for variable in unknown_variables(environment):
        if near := _near(variable, variables()):
            raise UsageError(f"There is no setting {variable}.{near} docs/settings.md lists all.")
    values: dict[str, Any] = _sentryclirc(environment)
    named = config or environment.get(PREFIX + "CONFIG")
    file = Path(named or CONFIG_FILE).expanduser()
    in_file = _read_toml(file) if named or file.exists() else {}
    values |= in_file
    _apply_variables(values, environment)
    values |= {k: v for k, v in (overrides or {}).items() if v is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(_misfit(str(error), environment, f"{file}: " if in_file else "")) from None
    _check_names(settings.discover or [])
    _check_memory(settings.memory)
    _check_organizations(settings.organizations)
    token = settings.token or _read_token(settings.token_file)
    return msgspec.structs.replace(
        settings,
        token=Secret(token.strip()),
        tokens={name: _own_token(name, place, environment) for name, place in settings.tokens.items()},
        url=_checked_url(settings.url),
    )


def _own_token(name: str, place: str, environment: Mapping[str, str]) -> Secret:
    """The token of one organization, from the variable or the file that `place` names."""
    if re.fullmatch(r"sntry[a-z]_.*|[0-9a-f]{64}", place.strip()):
        raise UsageError(
            f"[tokens] {name} holds a token itself: write the name of a variable or of a file that holds it."
        )
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", place) and not Path(place).is_file():
        token = environment.get(place, "")
        if not token.strip():
            raise UsageError(f"[tokens] {name} names the variable {place}, which is not set.")
    else:
        token = _read_token(place)
        if not token.strip():
            raise UsageError(f"[tokens] {name} names the file {place}, which is empty.")
    return Secret(token.strip())


def _misfit(error: str, environment: Mapping[str, str], in_file: str) -> str:
    """What a person reads of msgspec's "Expected `int`, got `str` - at `$.events.keep`"."""
    problem, _, place = error.partition(" - at ")
    path = place.strip("`").removeprefix("$").removeprefix(".")
    setting = re.sub(r"\[.*?\]", "", path)
    given = next((v for v in (_variable(setting), *SENTRY_VARIABLES) if _sets(v, setting, environment)), "")
    where = f"{given}: " if given else in_file
    known = dict(_all_settings())
    unknown = re.search("unknown field `(.*)`", problem)
    if unknown:
        name = f"{path}.{unknown[1]}".strip(".")
        near = _near(f"{setting}.{unknown[1]}".strip("."), known)
        return f"{where}There is no setting {name!r}.{near} docs/settings.md lists all."
    if "Invalid enum value" in problem and setting in known:
        value = problem.removeprefix("Invalid enum value ")
        problem = f"{value} is none of {', '.join(choices(known[setting]))}"
    elif "matching regex" in problem:
        problem = "a name has letters, digits and underscores, and a letter is the first"
    return f"{where}The setting {path!r} does not fit: {problem}. See docs/settings.md."


def _variable(setting: str) -> str:
    return PREFIX + setting.upper().replace(".", "_")


def _sets(variable: str, setting: str, environment: Mapping[str, str]) -> bool:
    is_its = variable == _variable(setting) or SENTRY_VARIABLES.get(variable) == setting
    return is_its and bool(environment.get(variable))


def _all_settings() -> Iterator[tuple[str, Any]]:
    """Settings and sections as `section.setting`, with their types."""
    for field in msgspec.structs.fields(Settings):
        yield field.name, field.type
        section = Query if field.name == "discover" else field.type
        if isinstance(section, type) and issubclass(section, msgspec.Struct):
            for sub in msgspec.structs.fields(section):
                yield f"{field.name}.{sub.name}", sub.type


def choices(type_: Any) -> list[str]:
    """The texts that a setting may be; none where any will do."""
    named = re.findall(r"'([^']*)'", str(type_)) if "Literal" in str(type_) else []
    return [choice for choice in named if choice]  # the empty one is "not set"


def variables() -> set[str]:
    """Every variable of our own that sets something."""
    names = {name for name, _ in _all_settings() if not name.startswith("discover.")}
    sections = {name.partition(".")[0] for name in names if "." in name}
    return {PREFIX + "CONFIG", *map(_variable, names - sections)}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that begin as ours do, and set nothing. Not each is a mistake: Kubernetes makes some for a
    service of our name (SENTRY_WAREHOUSE_SERVICE_HOST)."""
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in variables())


def _near(name: str, names: Iterable[str]) -> str:
    bare = {known.removeprefix(PREFIX): known for known in names}
    found = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.7)
    return f" Did you mean {bare[found[0]]}?" if found else ""


def _check_memory(memory: str) -> None:
    sizes = r"\d{1,9}(\.\d+)? ?[KMG]i?B|\d{1,6}(\.\d+)? ?Ti?B"  # more bytes no number of 64 bits holds
    if not re.fullmatch(sizes, memory, re.IGNORECASE):
        raise UsageError(f"The setting 'memory' is {memory!r}: write a size, such as 100MB or 1GB.")


def _check_organizations(slugs: Sequence[str]) -> None:
    for slug in slugs:
        if "/" in slug:
            raise UsageError(
                f"SENTRY_ORG is {slug!r}: write the organization's slug, which is acme in "
                "https://acme.sentry.io and in https://sentry.io/organizations/acme/."
            )


def _check_names(queries: Sequence[Query]) -> None:
    names = [query.name.lower() for query in queries]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two Discover queries are named {name!r}: each fills a table of its own.")


def _checked_url(url: str) -> str:
    if "@" in url:
        raise UsageError(
            "SENTRY_URL holds a user name or a password, which is not sent: write the server's address alone."
        )
    if not url.startswith(("https://", "http://")):
        raise UsageError(
            f"SENTRY_URL is {url!r}: it must start with https:// (or http:// for a local server)."
        )
    page = re.search(r"(?<![:/])/(organizations|settings|projects|issues)(/|$)", url)
    if page:
        raise UsageError(
            f"SENTRY_URL is {url!r}: write the address of the server only, {url[: page.start()]}, and name "
            "the organization in SENTRY_ORG."
        )
    return url.rstrip("/").removesuffix("/api/0")


def _read_token(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).expanduser().read_text(ENCODING)
    except OSError as error:
        raise UsageError(f"The token file {file} can not be read: {error.strerror}.") from None
    except UnicodeDecodeError:  # says nothing of what it holds
        raise UsageError(f"The token file {file} is no text file.") from None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(ENCODING))
    except OSError as error:
        raise UsageError(f"The configuration file {file} can not be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration file {file} is no valid TOML: {error}.") from None


def _sentryclirc(environment: Mapping[str, str]) -> dict[str, Any]:
    here = Path.cwd()
    nearest = next(
        (p / ".sentryclirc" for p in (here, *here.parents) if (p / ".sentryclirc").is_file()), None
    )
    home = Path(environment.get("HOME", "~")).expanduser() / ".sentryclirc"
    parser = configparser.RawConfigParser()
    for file in (home, nearest):
        try:
            if file and file.is_file():
                parser.read_string(file.read_text(ENCODING), source=str(file))
        except (OSError, configparser.Error, UnicodeDecodeError) as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise UsageError(f"{file} can not be read as sentry-cli writes it: {first}.") from None
    found = {
        "token": parser.get("auth", "token", fallback=""),
        "url": parser.get("defaults", "url", fallback=""),
        "organizations": parser.get("defaults", "org", fallback=""),
        "projects": parser.get("defaults", "project", fallback=""),
    }
    return {k: _listed(v) if k in ("organizations", "projects") else v for k, v in found.items() if v}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _apply_variables(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, name in SENTRY_VARIABLES.items():
        if environment.get(variable):
            text = environment[variable]
            values[name] = _listed(text) if name in ("organizations", "projects") else text
    for field in msgspec.structs.fields(Settings):
        section = (
            field.type if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct) else None
        )
        if section is None:
            if text := environment.get(PREFIX + field.name.upper(), ""):
                values[field.name] = _parsed(field.type, text)
            continue
        for sub in msgspec.structs.fields(section):
            if text := environment.get(f"{PREFIX}{field.name}_{sub.name}".upper(), ""):
                values[field.name] = {**values.get(field.name, {}), sub.name: _parsed(sub.type, text)}


def _parsed(type_: Any, text: str) -> Any:
    if text[:1] in "[{":
        try:
            return msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            return text
    return _listed(text) if "list" in str(type_) else text
