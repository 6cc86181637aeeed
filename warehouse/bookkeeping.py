"""Tables in which a warehouse accounts for itself: schema `meta`."""

from __future__ import annotations

from warehouse.schema import Column, Context, Table, Type


def _table(
    name: str, comment: str, key: tuple[str, ...], columns: tuple[tuple[str, Type, str], ...]
) -> Table:
    made = tuple(Column(n, t, c, Context(n)) for n, t, c in columns)
    return Table(name, comment, key, made, schema="meta", bookkeeping=True)


REQUEST = "Which of the stream's requests; empty for its list."

SLICE = (
    ("run_id", Type.VARCHAR, "The run."),
    ("slice_id", Type.VARCHAR, "The slice; unique in its run."),
    ("stream", Type.VARCHAR, "Stream, as its file is named."),
    ("request", Type.VARCHAR, REQUEST),
    ("organization_id", Type.VARCHAR, "The organization."),
    ("project_id", Type.VARCHAR, "The project; empty for slices of a whole organization."),
    ("window_start", Type.TIMESTAMP, "Start of the window asked (UTC); null where none was."),
    ("window_end", Type.TIMESTAMP, "End of the window asked, or the time of asking (UTC)."),
)

RUNS = _table(
    "runs",
    "One row per run of export, backfill or replay.",
    ("run_id",),
    (
        ("run_id", Type.VARCHAR, "The run."),
        ("command", Type.VARCHAR, "export, backfill or replay."),
        ("version", Type.VARCHAR, "Version of sentry-warehouse."),
        ("as_of", Type.TIMESTAMP, "End of its windows, by the server's clock (UTC)."),
        ("started_at", Type.TIMESTAMP, "When it began (UTC)."),
        ("finished_at", Type.TIMESTAMP, "When it ended (UTC); null while it runs or when it was killed."),
        ("status", Type.VARCHAR, "running, complete, incomplete (some slice is not), failed."),
        ("requests", Type.BIGINT, "Requests sent."),
        ("bytes", Type.BIGINT, "Bytes of answers, decompressed."),
        ("rows", Type.BIGINT, "Rows of all tables when it ended."),
        ("note", Type.VARCHAR, "What a reader should know, such as why it failed."),
    ),
)

CURSORS = _table(
    "cursors",
    "One row per stream, request and scope: up to when everything is loaded.",
    ("stream", "request", "organization_id", "project_id"),
    (
        *SLICE[2:6],
        ("watermark", Type.TIMESTAMP, "End of the last window loaded without a gap (UTC)."),
        ("run_id", Type.VARCHAR, "Run that moved it."),
    ),
)

SLICES = _table(
    "slices",
    "One row per slice of a run's plan. The open ones are still to do when the run is taken up again.",
    ("run_id", "slice_id"),
    (
        *SLICE,
        ("organization_slug", Type.VARCHAR, "Its short name when planned."),
        ("project_slug", Type.VARCHAR, "Its short name when planned."),
        ("interval_seconds", Type.BIGINT, "Step of a series answer."),
        ("items", Type.JSON, "Ids asked one by one; null for listings."),
        ("state", Type.VARCHAR, "open, done, or split (smaller slices took its place)."),
        ("page_cursor", Type.VARCHAR, "Next page of an open slice."),
        ("position", Type.BIGINT, "Place in the plan."),
    ),
)

COVERAGE = _table(
    "coverage",
    "One row per slice asked, and of events one per project and day held against Sentry's count (audit).",
    ("run_id", "slice_id"),
    (
        *SLICE,
        ("requests", Type.BIGINT, "Requests it took, repeated ones too."),
        ("rows", Type.BIGINT, "Records in its answers."),
        ("bytes", Type.BIGINT, "Bytes of its answers, decompressed."),
        ("status", Type.VARCHAR, "complete, partial, forbidden, gone, capped, sampled, failed."),
        (
            "expected",
            Type.BIGINT,
            "What there is by Sentry's own figures (events, sessions, quantities, counts), where they tell.",
        ),
        (
            "loaded",
            Type.BIGINT,
            "What the warehouse holds of that; of events of a day that was read whole, what Sentry listed.",
        ),
        (
            "reason",
            Type.VARCHAR,
            "Why it is not complete, or why that is not proven, and what to do; else empty or null.",
        ),
        ("started_at", Type.TIMESTAMP, "First request (UTC)."),
        ("finished_at", Type.TIMESTAMP, "When its rows were committed (UTC)."),
    ),
)

DRIFT = _table(
    "drift",
    "One row per payload field that is not as declared.",
    ("stream", "path", "kind", "found"),
    (
        ("stream", Type.VARCHAR, "Stream it came with."),
        ("path", Type.VARCHAR, "Place in the payload, keys joined by /."),
        (
            "kind",
            Type.VARCHAR,
            "new, gone (used to come, no longer does), type (not of the declared type), or repaired "
            "(an answer that strict JSON decoders refuse).",
        ),
        ("found", Type.VARCHAR, "JSON type that was met; `nothing` for what is gone."),
        ("first_seen", Type.TIMESTAMP, "First met, or first missed (UTC)."),
        ("last_seen", Type.TIMESTAMP, "Last met, or last missed (UTC)."),
        ("first_run_id", Type.VARCHAR, "Run that met it first; of what is gone the last run that had it."),
        ("last_run_id", Type.VARCHAR, "Run that met it last; of what is gone the last run that missed it."),
        ("example", Type.VARCHAR, "Path asked, below /api/0, of an answer in which it is so."),
    ),
)

FIELDS = _table(
    "fields",
    "One row per declared payload field that has come: how often, and since when it does not.",
    ("stream", "request", "path"),
    (
        ("stream", Type.VARCHAR, "Stream it comes with."),
        ("request", Type.VARCHAR, REQUEST),
        ("path", Type.VARCHAR, "Place in the payload, keys joined by /."),
        ("records", Type.BIGINT, "Objects looked at that could have it; a sample of each run."),
        ("present", Type.BIGINT, "Of these, how many had it."),
        ("runs", Type.BIGINT, "Runs in which it came."),
        ("absent", Type.BIGINT, "Objects looked at since it last came."),
        ("absent_runs", Type.BIGINT, "Runs since it last came that could have brought it."),
        ("absent_since", Type.TIMESTAMP, "First run that missed it (UTC); null when it never was missed."),
        ("last_seen", Type.TIMESTAMP, "When it came last (UTC)."),
        ("last_run_id", Type.VARCHAR, "Run in which it came last."),
    ),
)

REJECTS = _table(
    "rejects",
    "One row per value that fits no column (or record without a key), as the last run that read it noted; "
    "the archive holds it whole.",
    ("run_id", "slice_id", "number"),
    (
        ("run_id", Type.VARCHAR, "The run."),
        ("slice_id", Type.VARCHAR, "The slice."),
        ("number", Type.BIGINT, "Its place among those of the slice, from 1."),
        ("stream", Type.VARCHAR, "The stream."),
        ("organization_id", Type.VARCHAR, "The organization."),
        ("table_name", Type.VARCHAR, "The table."),
        ("record", Type.VARCHAR, "Key of the record."),
        ("path", Type.VARCHAR, "Place in the payload; empty when the whole record is meant."),
        ("reason", Type.VARCHAR, "What did not fit."),
        ("value", Type.VARCHAR, "The value as JSON, after privacy, its first 1,000 characters."),
        ("rejected_at", Type.TIMESTAMP, "When (UTC)."),
    ),
)

DEPRECATIONS = _table(
    "deprecations",
    "One row per endpoint that Sentry announces to withdraw.",
    ("path",),
    (
        ("path", Type.VARCHAR, "Endpoint."),
        ("date", Type.VARCHAR, "When it ends, as announced."),
        ("replacement", Type.VARCHAR, "What Sentry names instead."),
        ("first_seen", Type.TIMESTAMP, "First announced to us (UTC)."),
        ("last_seen", Type.TIMESTAMP, "Last announced to us (UTC)."),
    ),
)

CHECKS = _table(
    "checks",
    "One row per run and check made before it was published.",
    ("run_id", "name"),
    (
        ("run_id", Type.VARCHAR, "The run."),
        ("name", Type.VARCHAR, "Name of the check."),
        ("severity", Type.VARCHAR, "warn, or fail: then the run is not published."),
        ("meaning", Type.VARCHAR, "What it looks for."),
        ("offending", Type.BIGINT, "Rows it found; 0 is good."),
        ("examples", Type.VARCHAR, "The first of them."),
    ),
)

ARCHIVE = _table(
    "archive",
    "One row per file of the raw archive whose rows are loaded.",
    ("file",),
    (
        ("file", Type.VARCHAR, "Path below raw/."),
        ("run_id", Type.VARCHAR, "Run that wrote it."),
        ("slice_id", Type.VARCHAR, "Slice it belongs to; empty for a file joined from several slices."),
        ("stream", Type.VARCHAR, "The stream."),
        ("request", Type.VARCHAR, REQUEST),
        ("position", Type.BIGINT, "Order in which files were loaded; replay goes by it."),
        ("pages", Type.BIGINT, "Pages in it."),
        ("bytes", Type.BIGINT, "Bytes of their bodies."),
        ("written_at", Type.TIMESTAMP, "When (UTC)."),
    ),
)

SETTINGS = _table(
    "settings",
    "One row per fact about the warehouse itself, such as its schema version.",
    ("name",),
    (("name", Type.VARCHAR, "Name of the fact."), ("value", Type.VARCHAR, "Its value.")),
)

BOOKKEEPING = (
    RUNS,
    CURSORS,
    SLICES,
    COVERAGE,
    CHECKS,
    DRIFT,
    FIELDS,
    REJECTS,
    DEPRECATIONS,
    ARCHIVE,
    SETTINGS,
)
