-- One row per issue that is open now.
-- materialised: yes
-- key: organization_id, issue_id
-- definition: Open = status unresolved, not deleted, not merged, of a project that Sentry still lists. Its age runs
--   from the first event or, if it was resolved or ignored in between, from the last time it came back, to the
--   newest run's as_of.
-- reconcile: select organization_id, issue_id from issues where status = 'unresolved' and deleted_at is null
--   and merged_into_issue_id is null
--   and project_id not in (select project_id from meta.coverage where status = 'gone')
--   except select organization_id, issue_id from marts.backlog_age
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue.
-- short_id: Id that people use.
-- title: Title as shown.
-- level: fatal, error, warning, …
-- priority: high, medium, low; null on older servers.
-- substatus: new, ongoing, escalating, regressed, …
-- owner_name: Owner (marts.ownership).
-- owner_rule: The rule that named the owner.
-- first_seen: First event (UTC).
-- last_seen: Newest event (UTC).
-- opened_at: First event or last reopening (UTC).
-- age_days: Days since opened_at; not additive.
-- age_bucket: up to a week (7 days), up to a month (30), up to a quarter (91), older; unknown without a first event.
-- age_bucket_number: 1 to 4 in that order, 5 for unknown; not additive.
-- is_silent: Whether its newest event is more than 30 days old.
-- event_count: Events over its whole life; additive.
-- permalink: Address in Sentry.
with
newest_run as (
    select max(as_of) as as_of from meta.runs
),

-- deleted, moved to another organization, or no longer seen by the token
projects_gone as (
    select organization_id, project_id
    from meta.coverage
    where stream = 'issues' and request = ''
    group by all
    having starts_with(arg_max(slice_id, finished_at), 'vanished-')
),

reopenings as (
    select organization_id, issue_id, max(changed_at) as reopened_at
    from marts.issue_transitions
    where to_state = 'open'
    group by all
),

open_issues as (
    select
        issues.*,
        coalesce(reopenings.reopened_at, issues.first_seen) as opened_at,
        newest_run.as_of,
        greatest(
            date_diff('second', coalesce(reopenings.reopened_at, issues.first_seen), newest_run.as_of) / 86400.0, 0.0
        )::double as age_days
    from issues
    left join reopenings
        on issues.organization_id = reopenings.organization_id
        and issues.issue_id = reopenings.issue_id
    anti join projects_gone
        on issues.organization_id = projects_gone.organization_id
        and issues.project_id = projects_gone.project_id
    cross join newest_run
    where issues.status = 'unresolved' and issues.deleted_at is null and issues.merged_into_issue_id is null
)

select
    open_issues.organization_id,
    open_issues.project_id,
    ownership.project_slug,
    open_issues.issue_id,
    open_issues.short_id,
    open_issues.title,
    open_issues.level,
    open_issues.priority,
    open_issues.substatus,
    ownership.owner_name,
    ownership.rule as owner_rule,
    open_issues.first_seen,
    open_issues.last_seen,
    open_issues.opened_at,
    case
        when open_issues.opened_at is not null and open_issues.as_of is not null then open_issues.age_days
    end as age_days,
    case
        when open_issues.opened_at is null or open_issues.as_of is null then 'unknown'
        when open_issues.age_days <= 7 then 'up to a week'
        when open_issues.age_days <= 30 then 'up to a month'
        when open_issues.age_days <= 91 then 'up to a quarter'
        else 'older'
    end as age_bucket,
    case
        when open_issues.opened_at is null or open_issues.as_of is null then 5
        when open_issues.age_days <= 7 then 1
        when open_issues.age_days <= 30 then 2
        when open_issues.age_days <= 91 then 3
        else 4
    end::bigint as age_bucket_number,
    open_issues.last_seen < open_issues.as_of - interval 30 day as is_silent,
    open_issues.event_count,
    open_issues.permalink
from open_issues
left join marts.ownership as ownership
    on open_issues.organization_id = ownership.organization_id
    and open_issues.issue_id = ownership.issue_id
