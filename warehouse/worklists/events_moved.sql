-- One row per issue that a run of the last week was the first to show although its first event is older than what
-- that run read of its project's events, and of which fewer events are stored than it has: they may stand under
-- the issue that they were taken out of. Asked for until an answer came, and once more the night after, as Sentry
-- moves many events piece by piece.
with run as (
    select started_at
    from meta.runs
    where run_id = $run_id and command = 'export'
),

shown as (
    select
        organization_id,
        issue_id,
        min(valid_from) as first_at,
        arg_min(_run_id, valid_from) as run_id
    from issue_history
    group by all
),

-- days that a run read once more are later in its plan
read_then as (
    select
        organization_id,
        project_id,
        run_id,
        arg_min(window_start, position) as starts
    from meta.slices
    where stream = 'events' and request = ''
    group by all
),

read_first as (
    select
        organization_id,
        project_id,
        min(finished_at) as read_at
    from meta.coverage
    where stream = 'events' and request = '' and status = 'complete'
    group by all
),

stored as (
    select
        organization_id,
        issue_id,
        count(*) as events
    from events
    group by all
),

asked as (
    select *
    from {issues_asked}
    where request = 'moved'
)

select
    i.organization_id,
    i.project_id,
    i.issue_id as item
from issues as i
cross join run
inner join shown as f using (organization_id, issue_id)
inner join read_then as r using (organization_id, project_id, run_id)
inner join read_first as b using (organization_id, project_id)
left join stored as s using (organization_id, issue_id)
left join asked as a using (organization_id, issue_id)
where
    i._run_id = $run_id
    and i.deleted_at is null
    and i.merged_into_issue_id is null
    and f.first_at >= run.started_at - interval 7 day
    and i.first_seen < r.starts
    and b.read_at < (select started_at from meta.runs where run_id = f.run_id)
    and coalesce(s.events, 0) < i.event_count
    and coalesce(a.asked_at < f.first_at + interval 12 hour, true)
order by i.organization_id, i.project_id, i.issue_id
