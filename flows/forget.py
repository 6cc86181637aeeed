"""Takes one person out of everything on disk: archive, tables, published files, copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from extractors.archive import Archive, Page
from extractors.plan import requests_of
from extractors.stream import Request, Stream, all_streams
from flows.forget_rows import blank_rows, count_rows, events_of
from flows.loading import known_fields
from flows.planning import discover_queries
from flows.policy import had_other_keys, policy_of
from flows.replay import Hooks, registered_files, replay, request_of
from flows.settings import FORGETTING, Settings, UsageError
from transforms.privacy import KEY_FILE, Forgetting, Person, Privacy, load_key
from transforms.repair import Unreadable
from warehouse.generations import FOLDER, LINK
from warehouse.lock import FILE as LOCK_FILE
from warehouse.lock import hold
from warehouse.publish import publish
from warehouse.schema import Table, literal, quote
from warehouse.store import Store, WarehouseError, refuse_empty

OURS = {"warehouse.duckdb", "raw", FOLDER, LINK, KEY_FILE, LOCK_FILE, FORGETTING, "tmp"}
COPIES = ("warehouse.*.duckdb", "warehouse.*.duckdb.wal", "warehouse.duckdb.wal")
"""Files that an earlier replay or a damage left behind."""


@dataclass(slots=True)
class Forgotten:
    """What was found and done. `records` counts by stream what stood in the archive, once for each time it
    was read; `rows` counts rows of tables that changed, or would: a dry run knows them only where archived
    pages were let go. `beside` are other values by which the same records named their user. `not_ours` are
    files in the home that nothing was done with. `others_cut_off` says that a `forget` of another value has
    still to be run again, `other_keys` that runs had keys by which the value was not looked for."""

    telling: bool = True
    files: int = 0
    files_changed: int = 0
    records: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    generations_removed: int = 0
    published: str | None = None
    beside: list[str] = field(default_factory=list)
    not_ours: list[str] = field(default_factory=list)
    finished_earlier: bool = False
    others_cut_off: bool = False
    other_keys: bool = False

    @property
    def found(self) -> bool:
        """Whether there was anything to forget."""
        return bool(self.files_changed or self.rows)


def forget(settings: Settings, value: str, *, dry_run: bool = False) -> Forgotten:
    """Takes the person whom the value names (e-mail, IP address, user name, name, id, or a hash of one) out
    of the home: rewrites archive files that hold them, rebuilds the tables from the archive in a new file,
    publishes that, and removes older generations and copies.

    Killed at any moment and run again, it finishes. With `dry_run` it only looks.
    Raises UsageError without a key, WarehouseBusy while something else writes, WarehouseError where an
    archive file can not be read (nothing is changed then) or something is left.
    """
    home = settings.home_path
    refuse_empty(home)
    if not (home / "raw").is_dir() and not (home / "warehouse.duckdb").exists():
        raise WarehouseError(f"There is no warehouse in {home}: name its folder with --home.")
    key = _key(settings)
    privacy = Privacy(policy_of(settings), key)
    person = Person(value, privacy.hash)
    with hold(home):
        mark = blake2b(person.hashes[-1].encode(), key=blake2b(key).digest(), digest_size=16).hexdigest()
        return _Work(settings, person, privacy, Forgetting(person, key), mark).run(dry_run=dry_run)


def _key(settings: Settings) -> bytes:
    if not settings.privacy_key and not (settings.home_path / KEY_FILE).exists():
        raise UsageError(
            f"There is no {settings.home_path / KEY_FILE}: without the key nobody can be found. "
            "Set SENTRY_WAREHOUSE_PRIVACY_KEY, or name the folder with --home."
        )
    return load_key(settings.home_path, settings.privacy_key or None)


def _comparable(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Tables that are in both files, with the columns that are of the same type in both."""
    rows = store.rows(
        "select table_name, list(column_name order by column_index) from duckdb_columns() as new where "
        "database_name = current_database() and schema_name = 'main' and exists (select 1 from "
        "duckdb_columns() as old where old.database_name = 'before_it' and old.schema_name = 'main' and "
        "old.table_name = new.table_name and old.column_name = new.column_name and "
        "old.data_type = new.data_type) group by all order by all"
    )
    yield from ((name, columns) for name, columns in rows)


class _Work:
    def __init__(
        self, settings: Settings, person: Person, privacy: Privacy, forgetting: Forgetting, mark: str
    ) -> None:
        self.settings = settings
        self.home = settings.home_path
        self.archive = Archive(self.home / "raw")
        self.person = person
        self.privacy = privacy
        self.forgetting = forgetting
        self.mark = mark
        self.report = Forgotten(telling=person.telling)
        self.registered: list[str] = []
        self.begins_after: datetime | None = None
        self.events: set[str] = set()

    def _streams(self) -> list[tuple[Stream, Sequence[Request]]]:
        queries = discover_queries(self.settings)
        return [(s, requests_of(s, queries)) for s in all_streams()]

    def run(self, *, dry_run: bool) -> Forgotten:
        registered, self.begins_after = registered_files(self.home / "warehouse.duckdb")
        self.registered = [str(row["file"]) for row in registered or []]
        begun = self._begun()
        if registered is not None:
            with Store(self.home / "warehouse.duckdb", memory_limit=self.settings.memory) as store:
                self.report.other_keys = had_other_keys(store, self.privacy)
        self.report.finished_earlier = self.mark in begun
        self.report.others_cut_off = bool(begun - {self.mark})
        held = self._look()
        # rows whose archived pages were let go tell of them, too
        if dry_run and self.begins_after is not None:
            with Store(self.home / "warehouse.duckdb", memory_limit=self.settings.memory) as store:
                self.report.rows = count_rows(store, self.forgetting, self._streams())
        self.report.beside = list(self.forgetting.beside)
        self.report.not_ours = sorted(self._strangers())
        if dry_run:
            return self.report
        # by what may stand anywhere, rows whose pages are gone can not be found without looking at each
        unseen = self.begins_after is not None and not self.person.telling
        if not (held or unseen or self.report.finished_earlier or self._left(self.home / "warehouse.duckdb")):
            return self.report
        self._write_begun(begun | {self.mark})
        for file in held:
            pages, _ = self._without(self.archive.read(file))
            self.archive.rewrite(file, pages)
        if self.begins_after is not None:
            with Store(self.home / "warehouse.duckdb", memory_limit=self.settings.memory) as store:
                self.events = events_of(store, self.forgetting, self._streams())
        self._rebuild()
        self.report.beside = list(self.forgetting.beside)
        kept = self.settings.publish
        before = self._generations()
        # a file that began as a copy of the old one still has its deleted rows in free blocks
        copied = self.begins_after is not None
        link = publish(
            self.home,
            keep=1,
            group_readable=kept.group_readable,
            compact=copied,
            memory_limit=self.settings.memory,
        )
        self.report.published = str(link)
        for left in self._generations() & before:
            shutil.rmtree(self.home / FOLDER / left)  # unlike publishing, this must not fail unseen
        self.report.generations_removed = len(before)
        self._remove_copies()
        self._write_begun(begun - {self.mark})
        return self.report

    def _begun(self) -> set[str]:
        """Marks of those whose forgetting has begun and not ended."""
        file = self.home / FORGETTING
        if not file.exists():
            return set()
        # an empty one is an older version's, which did not note whose it was
        return set(file.read_text().split()) or {self.mark}

    def _write_begun(self, marks: set[str]) -> None:
        file = self.home / FORGETTING
        if not marks:
            file.unlink(missing_ok=True)
            return
        fresh = file.with_name(f"{FORGETTING}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as writer:
            writer.write("\n".join(sorted(marks)) + "\n")
            writer.flush()
            os.fsync(descriptor)
        fresh.replace(file)

    def _look(self) -> list[str]:
        """Archive files that hold the person."""
        held: list[str] = []
        files = list(self.archive.files())
        unreadable = [f"{file} (missing)" for file in self.registered if file not in set(files)]
        for file in files:
            self.report.files += 1
            try:
                pages = self.archive.read(file)
            except Exception as error:  # noqa: BLE001  # polars names its errors anew with each version
                unreadable.append(f"{file} ({str(error).splitlines()[0][:200]})")
                continue
            counts = self._without(pages)[1]
            if counts is not None:
                held.append(file)
                for stream, count in counts.items():
                    self.report.records[stream] = self.report.records.get(stream, 0) + count
        if unreadable:
            raise WarehouseError(
                f"Nothing was changed: of the archive in {self.archive.folder} can not be read "
                f"{', '.join(unreadable[:5])}. Tables are rebuilt from it, so put these files back from a "
                "backup. Where there is none, remove what is damaged and set archive.keep_days: an export "
                "then lets older pages go, and their rows stay and are looked through instead."
            )
        self.report.files_changed = len(held)
        return held

    def _without(self, pages: Sequence[Page]) -> tuple[list[Page], dict[str, int] | None]:
        """Pages without the person, and the records changed by stream; None where nothing was."""
        made: list[Page] = []
        counts: dict[str, int] = {}
        changed = False
        for page in pages:
            asked_by = request_of(page)
            personal = (*asked_by[0].personal, *asked_by[1].personal) if asked_by else ()
            rows = asked_by is not None and asked_by[1].shape == "discover"
            try:
                known = known_fields(asked_by[1]) if asked_by else frozenset()
                body, count = self.forgetting.page(page.stream, page.body, personal, known=known, rows=rows)
            except Unreadable:
                struck = self.person.strike(page.body.decode("utf-8", "surrogateescape"))
                body, count = struck.encode("utf-8", "surrogateescape"), 1
            strike = self.person.strike  # a configured query may name the person
            one = replace(page, body=body, path=strike(page.path), parameters=strike(page.parameters))
            changed = changed or one != page
            if count:
                counts[page.stream] = counts.get(page.stream, 0) + count
            made.append(one)
        return made, counts if changed else None

    def _rebuild(self) -> None:
        replay(self.settings, hooks=Hooks(self._carry, self._finish), force=True)

    def _carry(self, store: Store, table: Table) -> None:
        """Carries a bookkeeping table over from the attached old file, its texts without the person."""
        forms = [*self.person.hashes, *self.person.spellings]
        texts = ", ".join(quote(c.name) for c in table.all_columns if c.type in ("VARCHAR", "JSON"))
        holds = " or ".join(f"contains(lower(concat_ws(' ', {texts})), lower({literal(f)}))" for f in forms)
        source = f"old.meta.{quote(table.name)}"
        store.connection.execute(
            f"insert into {table.full_name} by name select * from {source} where not ({holds})"
        )
        names = table.names
        for row in store.rows(f"select {', '.join(map(quote, names))} from {source} where {holds}"):
            struck = [self.person.strike(v) if isinstance(v, str) else v for v in row]
            store.put(table, [dict(zip(names, struck, strict=True))])

    def _finish(self, store: Store, old: Path) -> None:
        """Sees that nothing is left and counts what changed, before the new file takes over."""
        if self.begins_after is not None:  # rows whose archived pages were let go are not made anew
            blank_rows(store, self.forgetting, self._streams(), self.events)
        left = self._left_in(store)
        if left:
            raise WarehouseError(
                f"The person is still named in {', '.join(left)}: please report this. The tables stay as "
                "they were; the archive is done."
            )
        if not old.exists():
            return
        store.connection.execute(f"attach {literal(str(old))} as before_it (read_only)")
        try:
            for name, columns in _comparable(store):
                row = f"hash({', '.join(map(quote, columns))})"
                changed = store.rows(
                    f"select count(*) from (select {row} from before_it.main.{quote(name)} "
                    f"except all select {row} from main.{quote(name)})"
                )[0][0]
                if changed:
                    self.report.rows[name] = changed
        finally:
            store.connection.execute("detach before_it")

    def _left(self, file: Path) -> list[str]:
        if not file.exists():
            return []
        with Store(file, memory_limit=self.settings.memory) as store:
            return self._left_in(store)

    def _left_in(self, store: Store) -> list[str]:
        """Columns that still hold the person, as far as they can be told by the value alone."""
        forms = [*self.person.hashes, *(self.person.spellings if self.person.telling else ())]
        found = []
        for schema, table, column in store.rows(
            "select schema_name, table_name, column_name from duckdb_columns() where "
            "database_name = current_database() and schema_name in ('main', 'meta') "
            "and data_type in ('VARCHAR', 'JSON') order by all"
        ):
            texts = " or ".join(f"contains(lower({quote(column)}), lower({literal(f)}))" for f in forms)
            full = f"{quote(schema)}.{quote(table)}"
            held = store.rows(f"select distinct {quote(column)}::varchar from {full} where {texts}")
            if any(self.person.strike(text) != text for (text,) in held):
                found.append(f"{schema}.{table}.{column}")
        return found

    def _generations(self) -> set[str]:
        folder = self.home / FOLDER
        return {p.name for p in folder.glob("[!.]*")} if folder.is_dir() else set()

    def _remove_copies(self) -> None:
        for pattern in COPIES:
            for file in sorted(self.home.glob(pattern)):
                if file.name != "warehouse.duckdb":
                    file.unlink()
                    self.report.removed.append(file.name)
        for file in sorted((self.home / "raw").glob("*/*/*.partial")):
            file.unlink()
            self.report.removed.append(str(file.relative_to(self.home)))
        shutil.rmtree(self.home / "tmp", ignore_errors=True)

    def _strangers(self) -> Iterator[str]:
        """Files in the home that we know nothing of."""
        copies = {p.name for pattern in COPIES for p in self.home.glob(pattern)}
        yield from (p.name for p in self.home.iterdir() if p.name not in OURS and p.name not in copies)
