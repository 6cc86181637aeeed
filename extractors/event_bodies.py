"""Tables of full event bodies: stacks, breadcrumbs, requests, contexts, spans and what else events carry.

Their rows live with those of `event_details`, not with those of `events`: a summary of the same event that
is read again later replaces its row in `events` and its tags, and must not take the body with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.schema import (
    ELEMENT,
    GIVEN,
    KEY,
    POSITION,
    Column,
    Constant,
    Each,
    Made,
    Parent,
    Table,
    Type,
    Up,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENT_ID = ("eventID", "id")
HAPPENED = ("dateCreated", "endTimestamp")
"""Transactions have no `dateCreated`; Sentry dates them by their end."""

EVENT_DETAILS = Table(
    "event_details",
    "One row per event whose full body was read.",
    ("event_id",),
    (
        Column("event_id", Type.VARCHAR, "32 hex digits, given by the SDK.", EVENT_ID),
        Column("issue_id", Type.VARCHAR, "The issue it belonged to when its body was read.", "groupID"),
        Column("project_id", Type.VARCHAR, "The project.", "projectID"),
        Column("event_type", Type.VARCHAR, "error, default, transaction, csp, …", ("type", "event.type")),
        Column("platform", Type.VARCHAR, "Platform of the SDK.", "platform"),
        Column("date_created", Type.TIMESTAMP, "When it happened (UTC), as the SDK says.", HAPPENED),
        Column("date_received", Type.TIMESTAMP, "When Sentry got it (UTC).", "dateReceived"),
        Column(
            "release",
            Type.VARCHAR,
            "Version of the release; null where bodies come in lists.",
            "release/version",
        ),
        Column("dist", Type.VARCHAR, "Build of the release.", "dist"),
        Column("size", Type.BIGINT, "Bytes of the event in Sentry.", "size"),
        Column("sdk_name", Type.VARCHAR, "SDK that sent it.", "sdk/name"),
        Column("sdk_version", Type.VARCHAR, "Its version.", "sdk/version"),
        Column("fingerprints", Type.JSON, "Hashes it was grouped by, a list.", "fingerprints"),
        Column("grouping_config_id", Type.VARCHAR, "Rules it was grouped by.", "groupingConfig/id"),
        Column(
            "grouping_config_enhancements",
            Type.VARCHAR,
            "Enhancements of these rules, encoded.",
            "groupingConfig/enhancements",
        ),
        Column("packages", Type.JSON, "Installed packages, name to version.", "packages"),
        Column("extra", Type.JSON, "Extra data the application added; Sentry's word is context.", "context"),
        Column("occurrence", Type.JSON, "The occurrence that made a performance issue.", "occurrence"),
        Column("start_timestamp", Type.TIMESTAMP, "Start of a transaction (UTC).", "startTimestamp"),
        Column("end_timestamp", Type.TIMESTAMP, "End of a transaction (UTC).", "endTimestamp"),
        Column("breakdowns", Type.JSON, "Time of a transaction by kind of span.", "breakdowns"),
        Column("resolved_with", Type.JSON, "Integrations that can resolve it.", "resolvedWith"),
        Column("sdk_updates", Type.JSON, "Updates of the SDK that Sentry suggests.", "sdkUpdates"),
    ),
)


def _table(name: str, comment: str, key: tuple[str, ...], columns: tuple[Column, ...], **how: Any) -> Table:
    """A table of parts of events, with what tells whose they are."""
    about = (
        Column("event_id", Type.VARCHAR, "The event.", Parent(EVENT_ID)),
        Column("project_id", Type.VARCHAR, "The project.", Parent("projectID")),
        Column("date_created", Type.TIMESTAMP, "When the event happened (UTC).", Parent(HAPPENED)),
    )
    return Table(name, comment, ("event_id", *key), (*about, *columns), parent="event_details", **how)


EXCEPTIONS = "entries[exception]/data/values[]"
THREADS = "entries[threads]/data/values[]"

EVENT_EXCEPTIONS = _table(
    "event_exceptions",
    "One row per exception in the chain of an event.",
    ("exception_position",),
    (
        Column("exception_position", Type.BIGINT, "Place in the chain from 0, the cause first.", POSITION),
        Column("exception_type", Type.VARCHAR, "Class of the exception.", "type"),
        Column("value", Type.VARCHAR, "Its message.", "value"),
        Column("module", Type.VARCHAR, "Module of its class.", "module"),
        Column("thread_id", Type.VARCHAR, "Thread it was raised in.", "threadId"),
        Column("mechanism_type", Type.VARCHAR, "How it was caught.", "mechanism/type"),
        Column("is_handled", Type.BOOLEAN, "Whether the application handled it.", "mechanism/handled"),
        Column("mechanism_synthetic", Type.BOOLEAN, "Made by the SDK.", "mechanism/synthetic"),
        Column("mechanism_description", Type.VARCHAR, "The mechanism in words.", "mechanism/description"),
        Column("mechanism_help_link", Type.VARCHAR, "Where to read about it.", "mechanism/help_link"),
        Column("mechanism_source", Type.VARCHAR, "Attribute of its parent that held it.", "mechanism/source"),
        Column(
            "mechanism_exception_id",
            Type.VARCHAR,
            "Number of the exception in its group.",
            "mechanism/exception_id",
        ),
        Column("mechanism_parent_id", Type.VARCHAR, "Number of its parent.", "mechanism/parent_id"),
        Column(
            "mechanism_is_exception_group",
            Type.BOOLEAN,
            "Whether it only holds others.",
            "mechanism/is_exception_group",
        ),
        Column("mechanism_data", Type.JSON, "What the SDK added.", "mechanism/data"),
        Column("mechanism_meta", Type.JSON, "Signal, errno, Mach exception.", "mechanism/meta"),
        Column("raw_exception_type", Type.VARCHAR, "Class before deobfuscation.", "rawType"),
        Column("raw_value", Type.VARCHAR, "Message before deobfuscation.", "rawValue"),
        Column("raw_module", Type.VARCHAR, "Module before deobfuscation.", "rawModule"),
        Column("frames_omitted", Type.JSON, "Range of left-out frames.", "stacktrace/framesOmitted"),
        Column("registers", Type.JSON, "Registers of the processor.", "stacktrace/registers"),
    ),
    each=EXCEPTIONS,
)


def context_line(context: Sequence[bytes | None], line_no: Sequence[int | None]) -> list[bytes | None]:
    """The line of code itself: `b` of `[[61,"a"],[62,"b"],[63,"c"]]` and 62; None where it is not among them.

    Without escapes it is what stands up to the next quote. A text that only looks like the beginning of a
    line ends in a quote, after which `]` follows. What may be that, or is not found, is decoded.
    """
    begins = {number: b'[%d,"' % number for number in set(line_no) if number is not None}
    found: list[bytes | None] = []
    for text, number in zip(context, line_no, strict=True):
        line = None
        if text is not None and number is not None:
            begin = begins[number]
            at = text.find(begin, len(text) // 3)  # there are as many lines before it as behind it
            if at < 0:
                at = text.find(begin)
            start = at + len(begin)
            line = text[start : text.find(b'"', start)]
            if at < 0 or b"\\" in line or line.lstrip()[:1] in (b"", b"]"):
                line = _decode_line(text, start if at >= 0 else None, number)
        found.append(line)
    return found


def _decode_line(text: bytes, start: int | None, number: int) -> bytes | None:
    """The line that seems to begin at `start`; else the one of that number."""
    import msgspec

    line: str | None
    if start is not None:
        try:
            line = msgspec.json.decode(b'"' + text[start : text.find(b'"]', start)] + b'"', type=str)
            if line and not line.lstrip().startswith("]"):
                return line.encode()
        except (msgspec.DecodeError, UnicodeDecodeError):  # it ended before an escaped quote
            pass
    try:
        line = dict(msgspec.json.decode(text, type=list[tuple[int, str | None]])).get(number)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if line is None else line.encode()


SOURCE = (("context", Type.JSON), ("lineNo", Type.BIGINT))

EVENT_FRAMES = _table(
    "event_frames",
    "One row per frame of a stack of an event.",
    ("stack", "stack_position", "is_raw", "frame_position"),
    (
        Column("stack", Type.VARCHAR, "Whose stack: exception, thread, or event.", GIVEN),
        Column("stack_position", Type.BIGINT, "Place of that exception or thread in its list.", GIVEN),
        Column("thread_id", Type.VARCHAR, "Thread of the stack.", GIVEN),
        Column("is_raw", Type.BOOLEAN, "The stack as it was before symbolication or source maps.", GIVEN),
        Column("frame_position", Type.BIGINT, "Place from 0, the outermost call first.", POSITION),
        Column("in_app", Type.BOOLEAN, "Whether it is the application's own code.", "inApp"),
        Column("function", Type.VARCHAR, "Function, as shown.", "function"),
        Column("raw_function", Type.VARCHAR, "Function, not shortened.", "rawFunction"),
        Column("symbol", Type.VARCHAR, "Symbol.", "symbol"),
        Column("filename", Type.VARCHAR, "File, relative.", "filename"),
        Column("abs_path", Type.VARCHAR, "File, absolute, or its URL.", "absPath"),
        Column("module", Type.VARCHAR, "Module.", "module"),
        Column("package", Type.VARCHAR, "Package or binary.", "package"),
        Column("platform", Type.VARCHAR, "Platform, where it differs from the event's.", "platform"),
        Column("line_no", Type.BIGINT, "Line.", "lineNo"),
        Column("col_no", Type.BIGINT, "Column.", "colNo"),
        Column("context_line", Type.VARCHAR, "The line of code.", Made(SOURCE, context_line)),
        Column(
            "source_context",
            Type.JSON,
            "Lines of code around it and itself: pairs of number and text.",
            "context",
        ),
        Column("vars", Type.JSON, "Local variables.", "vars"),
        Column("instruction_addr", Type.VARCHAR, "Address of the instruction, in hex.", "instructionAddr"),
        Column("symbol_addr", Type.VARCHAR, "Address of the symbol, in hex.", "symbolAddr"),
        Column("addr_mode", Type.VARCHAR, "What addresses are relative to.", "addrMode"),
        Column("trust", Type.VARCHAR, "How the frame was found in memory.", "trust"),
        Column("symbolicator_status", Type.VARCHAR, "Result of symbolication.", "symbolicatorStatus"),
        Column("source_link", Type.VARCHAR, "Address of the line in a repository.", "sourceLink"),
        Column("map_url", Type.VARCHAR, "Address of the source map.", "mapUrl"),
        Column("lock", Type.JSON, "Lock the frame holds or waits for.", "lock"),
        Column("errors", Type.JSON, "Problems in processing it.", "errors"),
    ),
    each=tuple(
        Each(
            f"{path}/{trace}frames[]",
            (
                ("stack", Constant(stack)),
                ("stack_position", position),
                ("thread_id", thread),
                ("is_raw", Constant(trace.startswith("raw"))),
            ),
        )
        for path, stack, position, thread, traces in (
            (EXCEPTIONS, "exception", Up(POSITION), Up("threadId"), ("stacktrace/", "rawStacktrace/")),
            (THREADS, "thread", Up(POSITION), Up("id"), ("stacktrace/", "rawStacktrace/")),
            ("entries[stacktrace]/data", "event", Constant(0), Constant(None), ("",)),
        )
        for trace in traces
    ),
)

EVENT_THREADS = _table(
    "event_threads",
    "One row per thread of an event.",
    ("thread_position",),
    (
        Column("thread_position", Type.BIGINT, "Place in the list of threads, from 0.", POSITION),
        Column("thread_id", Type.VARCHAR, "Id of the thread.", "id"),
        Column("name", Type.VARCHAR, "Name of the thread.", "name"),
        Column("is_current", Type.BOOLEAN, "Whether it was running.", "current"),
        Column("is_crashed", Type.BOOLEAN, "Whether it crashed.", "crashed"),
        Column("is_main", Type.BOOLEAN, "Whether it is the main one.", "main"),
        Column("state", Type.VARCHAR, "What it was doing.", "state"),
        Column("held_locks", Type.JSON, "Locks it held.", "heldLocks"),
        Column("registers", Type.JSON, "Registers of the processor.", "stacktrace/registers"),
    ),
    each=THREADS,
)

EVENT_BREADCRUMBS = _table(
    "event_breadcrumbs",
    "One row per breadcrumb: what happened before the event.",
    ("breadcrumb_position",),
    (
        Column("breadcrumb_position", Type.BIGINT, "Place from 0, the oldest first.", POSITION),
        Column("breadcrumb_type", Type.VARCHAR, "default, http, navigation, …", "type"),
        Column("timestamp", Type.TIMESTAMP, "When it was recorded (UTC).", "timestamp"),
        Column("level", Type.VARCHAR, "Severity.", "level"),
        Column("category", Type.VARCHAR, "Where it comes from.", "category"),
        Column("message", Type.VARCHAR, "Text.", "message"),
        Column("message_format", Type.VARCHAR, "Language of the text, such as sql.", "messageFormat"),
        Column("message_raw", Type.VARCHAR, "Text before it was formatted.", "messageRaw"),
        Column("data", Type.JSON, "Further data.", "data"),
        Column("breadcrumb_event_id", Type.VARCHAR, "Another event it stands for.", "event_id"),
    ),
    each="entries[breadcrumbs]/data/values[]",
)

EVENT_REQUESTS = _table(
    "event_requests",
    "One row per HTTP request that an event happened in.",
    ("entry_position",),
    (
        Column("entry_position", Type.BIGINT, "Place among the event's entries.", POSITION),
        Column("method", Type.VARCHAR, "HTTP method.", "data/method"),
        Column("url", Type.VARCHAR, "Address.", "data/url"),
        Column("query", Type.JSON, "Query: pairs, or a text.", "data/query"),
        Column("fragment", Type.VARCHAR, "What follows # in the address.", "data/fragment"),
        Column("data", Type.JSON, "Body: object, list or text.", "data/data"),
        Column("headers", Type.JSON, "Headers, as pairs.", "data/headers"),
        Column("cookies", Type.JSON, "Cookies; dropped by privacy.", "data/cookies"),
        Column("env", Type.JSON, "Variables of the server.", "data/env"),
        Column("inferred_content_type", Type.VARCHAR, "Type of the body.", "data/inferredContentType"),
        Column("api_target", Type.VARCHAR, "Kind of API, such as graphql.", "data/apiTarget"),
    ),
    each="entries[request]",
)

EVENT_SPANS = _table(
    "event_spans",
    "One row per span of a transaction.",
    ("span_position",),
    (
        Column("span_position", Type.BIGINT, "Place in the transaction, from 0.", POSITION),
        Column("span_id", Type.VARCHAR, "Id of the span.", "span_id"),
        Column("parent_span_id", Type.VARCHAR, "The parent span.", "parent_span_id"),
        Column("trace_id", Type.VARCHAR, "The trace.", "trace_id"),
        Column("op", Type.VARCHAR, "Kind of work, such as db.", "op"),
        Column("description", Type.VARCHAR, "The work itself, such as the query.", "description"),
        Column("status", Type.VARCHAR, "How it ended.", "status"),
        Column("start_timestamp", Type.TIMESTAMP, "Start (UTC).", "start_timestamp"),
        Column("timestamp", Type.TIMESTAMP, "End (UTC).", "timestamp"),
        Column("exclusive_time", Type.DOUBLE, "Milliseconds not spent in spans below.", "exclusive_time"),
        Column("origin", Type.VARCHAR, "What made it.", "origin"),
        Column("hash", Type.VARCHAR, "Hash that similar spans share.", "hash"),
        Column(
            "same_process_as_parent",
            Type.BOOLEAN,
            "Whether in its parent's process.",
            "same_process_as_parent",
        ),
        Column("tags", Type.JSON, "Tags.", "tags"),
        Column("sentry_tags", Type.JSON, "Tags that Sentry set.", "sentry_tags"),
        Column("data", Type.JSON, "Further data.", "data"),
    ),
    each="entries[spans]/data[]",
)

EVENT_MEASUREMENTS = _table(
    "event_measurements",
    "One row per measurement of a transaction.",
    ("name",),
    (
        Column("name", Type.VARCHAR, "What was measured, such as lcp.", KEY),
        Column("value", Type.DOUBLE, "The figure.", "value"),
        Column("unit", Type.VARCHAR, "Its unit.", "unit"),
    ),
    each="measurements{}",
)

EVENT_ERRORS = _table(
    "event_errors",
    "One row per problem that Sentry had with an event.",
    ("error_position",),
    (
        Column("error_position", Type.BIGINT, "Place in the list, from 0.", POSITION),
        Column("error_type", Type.VARCHAR, "Kind of problem.", "type"),
        Column("message", Type.VARCHAR, "The problem in words.", "message"),
        Column("data", Type.JSON, "What it is about.", "data"),
    ),
    each="errors",
)

EVENT_CONTEXTS = _table(
    "event_contexts",
    "One row per context of an event: system, browser, device, runtime, trace, the application's own.",
    ("key",),
    (
        Column("key", Type.VARCHAR, "Name of the context, as the application chose it; may be empty.", KEY),
        Column("context_type", Type.VARCHAR, "Type: os, browser, device, runtime, trace, default, …", "type"),
        Column("name", Type.VARCHAR, "Name of system, browser, runtime, device.", "name"),
        Column("version", Type.VARCHAR, "Its version.", "version"),
        Column("build", Type.VARCHAR, "Its build.", "build"),
        Column("raw_description", Type.VARCHAR, "Name and version as received.", "raw_description"),
        Column("kernel_version", Type.VARCHAR, "os: version of the kernel.", "kernel_version"),
        Column("is_rooted", Type.BOOLEAN, "os: whether jailbroken.", "rooted"),
        Column("family", Type.VARCHAR, "device: family.", "family"),
        Column("brand", Type.VARCHAR, "device: brand.", "brand"),
        Column("manufacturer", Type.VARCHAR, "device: manufacturer.", "manufacturer"),
        Column("model", Type.VARCHAR, "device: model.", "model"),
        Column("model_id", Type.VARCHAR, "device: exact model.", "model_id"),
        Column("arch", Type.VARCHAR, "device: processor.", "arch"),
        Column("memory_size", Type.BIGINT, "device: memory in bytes.", "memory_size"),
        Column("free_memory", Type.BIGINT, "device: free memory in bytes.", "free_memory"),
        Column("storage_size", Type.BIGINT, "device: storage in bytes.", "storage_size"),
        Column("free_storage", Type.BIGINT, "device: free storage in bytes.", "free_storage"),
        Column("battery_level", Type.DOUBLE, "device: battery in percent.", "battery_level"),
        Column("is_charging", Type.BOOLEAN, "device: whether charging.", "charging"),
        Column("is_simulator", Type.BOOLEAN, "device: whether simulated.", "simulator"),
        Column("orientation", Type.VARCHAR, "device: portrait or landscape.", "orientation"),
        Column("boot_time", Type.TIMESTAMP, "device: last start (UTC).", "boot_time"),
        Column("trace_id", Type.VARCHAR, "trace: the trace.", "trace_id"),
        Column("span_id", Type.VARCHAR, "trace: the span.", "span_id"),
        Column("parent_span_id", Type.VARCHAR, "trace: the parent span.", "parent_span_id"),
        Column("op", Type.VARCHAR, "trace: kind of work.", "op"),
        Column("status", Type.VARCHAR, "trace: how it ended.", "status"),
        Column("app_identifier", Type.VARCHAR, "app: identifier.", "app_identifier"),
        Column("app_version", Type.VARCHAR, "app: version.", "app_version"),
        Column("app_build", Type.VARCHAR, "app: build.", "app_build"),
        Column("data", Type.JSON, "The whole context.", ELEMENT),
    ),
    each="contexts{}",
)

OTHER_ENTRIES = ("message", "template", "csp", "expectct", "expectstaple", "hpkp", "nel", "debugmeta")

EVENT_ENTRIES = _table(
    "event_entries",
    "One row per part of an event that has no table of its own: message, template, security report, images, "
    "and types that are not known yet.",
    ("entry_position",),
    (
        Column("entry_position", Type.BIGINT, "Place among the event's entries.", POSITION),
        Column("entry_type", Type.VARCHAR, "Type; null where it has none.", KEY),
        Column("data", Type.JSON, "What it holds.", "data"),
    ),
    each=(*(Each(f"entries[{type_}]") for type_ in OTHER_ENTRIES), Each("entries[*]")),
)

BODY_TABLES = (
    EVENT_DETAILS,
    EVENT_EXCEPTIONS,
    EVENT_FRAMES,
    EVENT_THREADS,
    EVENT_BREADCRUMBS,
    EVENT_REQUESTS,
    EVENT_SPANS,
    EVENT_MEASUREMENTS,
    EVENT_ERRORS,
    EVENT_CONTEXTS,
    EVENT_ENTRIES,
)

FRAME_PLACES = tuple(
    f"{path}/{trace}"
    for path in ("entries[exception]/data/values", "entries[threads]/data/values")
    for trace in ("stacktrace", "rawStacktrace")
)
FRAME_IGNORED = (
    *("map", "origFunction", "origAbsPath", "origFilename", "origLineNo", "origColNo"),
    *("isSentinel", "isPrefix", "minGroupingLevel", "parentIndex", "sampleCount"),
)
"""The raw stack holds what source maps changed; the rest is for Sentry's own pages."""

BODY_IGNORED = (
    "_meta",
    "nextEventID",
    "previousEventID",
    "userReport",
    "release/*",
    "groupingConfig/*",
    "sdk/*",
    "entries[exception]/data/hasSystemFrames",
    "entries[exception]/data/excOmitted",
    *(
        f"{place}/{name}"
        for place in FRAME_PLACES
        for name in ("hasSystemFrames", "framesOmitted", "registers")
    ),
    *(f"{place}/frames/{name}" for place in FRAME_PLACES for name in FRAME_IGNORED),
    *(f"entries[stacktrace]/data/{name}" for name in ("hasSystemFrames", "framesOmitted", "registers")),
    *(f"entries[stacktrace]/data/frames/{name}" for name in FRAME_IGNORED),
)
"""Fields of a body that stay out of the tables; the archive has them."""
