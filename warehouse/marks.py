"""What happens to an issue that Sentry no longer lists: deleted, or merged into another one."""

from __future__ import annotations

from datetime import datetime

from warehouse.store import Store


def mark_deleted(store: Store, organization_id: str, issue_id: str, at: datetime) -> None:
    """Sentry answers 404 for the issue: its row stays, with the time; its state ends in the history."""
    store.connection.execute(
        "update issues set deleted_at = coalesce(deleted_at, ?) where organization_id = ? and issue_id = ?",
        [at, organization_id, issue_id],
    )
    _end_history(store, organization_id, issue_id, at)


def mark_unlisted(store: Store, organization_id: str, issue_id: str, at: datetime) -> None:
    """Sentry no longer lists the issue but answers for it: it need not be asked for again."""
    store.connection.execute(
        "update issues set unlisted_at = ? where organization_id = ? and issue_id = ?",
        [at, organization_id, issue_id],
    )


def mark_merged(store: Store, organization_id: str, issue_id: str, into: str, at: datetime) -> None:
    """Sentry answers with another issue: the row stays and names it, its events belong to that one now."""
    store.connection.execute(
        "update issues set merged_into_issue_id = $into "
        # what was merged into this one earlier is answered by the same issue now
        "where organization_id = $organization and (issue_id = $issue or merged_into_issue_id = $issue)",
        {"into": into, "organization": organization_id, "issue": issue_id},
    )
    store.connection.execute(
        "update events set issue_id = ? where organization_id = ? and issue_id = ?",
        [into, organization_id, issue_id],
    )
    _end_history(store, organization_id, issue_id, at)


def follow_merges(store: Store) -> None:
    """Gives events that were loaded anew to the issues that theirs are merged into: what `mark_merged` did
    to them before."""
    store.connection.execute(
        "update events set issue_id = i.merged_into_issue_id from issues as i "
        "where i.organization_id = events.organization_id and i.issue_id = events.issue_id "
        "and i.merged_into_issue_id is not null"
    )


def _end_history(store: Store, organization_id: str, issue_id: str, at: datetime) -> None:
    store.connection.execute(
        "update issue_history set valid_to = ? "
        "where organization_id = ? and issue_id = ? and valid_to is null",
        [at, organization_id, issue_id],
    )
