-- One row per issue that this run's sweep showed for the first time although its first event is older than what
-- the run read of its project's events, and of which fewer events are stored than it has: they may stand under
-- the issue that they were taken out of.
with run as (
    select started_at
    from meta.runs
    where run_id = $run_id and command = 'export'
),

read_now as (
    select
        organization_id,
        project_id,
        min(window_start) as starts
    from meta.coverage as c
    where
        run_id = $run_id
        and stream = 'events'
        and request = ''
        and exists (
            from meta.coverage as b
            where
                b.run_id <> $run_id
                and b.stream = 'events'
                and b.request = ''
                and b.status = 'complete'
                and b.organization_id = c.organization_id
                and b.project_id = c.project_id
        )
    group by organization_id, project_id
),

shown as (
    select
        organization_id,
        issue_id,
        min(valid_from) as first_at
    from issue_history
    group by all
),

stored as (
    select
        organization_id,
        issue_id,
        count(*) as events
    from events
    group by all
)

select
    i.organization_id,
    i.project_id,
    i.issue_id as item
from issues as i
cross join run
inner join read_now as r using (organization_id, project_id)
inner join shown as f using (organization_id, issue_id)
left join stored as s using (organization_id, issue_id)
where
    i._run_id = $run_id
    and i.deleted_at is null
    and i.merged_into_issue_id is null
    and f.first_at >= run.started_at
    and i.first_seen < r.starts
    and coalesce(s.events, 0) < i.event_count
order by i.organization_id, i.project_id, i.issue_id
