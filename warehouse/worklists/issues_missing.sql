-- One row per issue that this run's complete sweep of its project should have listed and did not: known from
-- an earlier run, or named by stored events, and with a last event that Sentry still keeps. Oldest event first.
with swept as (
    select
        organization_id,
        project_id,
        min(window_start) as window_start,
        max(window_end) as window_end
    from meta.coverage
    where run_id = $run_id and stream = 'issues' and request = ''
    group by organization_id, project_id
    having bool_and(status = 'complete')
),

retained as (
    select
        organization_id,
        min(day) as since
    from event_counts
    semi join (
        select organization_id
        from meta.coverage
        where run_id = $run_id and stream = 'event_counts'
        group by organization_id
        -- counts that lack days would make everything before them look forgotten
        having bool_and(status = 'complete')
    ) as whole using (organization_id)
    where _run_id = $run_id
    group by organization_id
),

windows as (
    select
        s.organization_id,
        s.project_id,
        greatest(s.window_start, r.since) as starts,
        r.since is not null as is_retention_known,
        s.window_end as ends
    from swept as s
    left join retained as r using (organization_id)
),

told as (
    select
        e.organization_id,
        e.project_id,
        e.issue_id,
        max(e.date_created) as last_at
    from events as e
    inner join windows as w
        on
            w.organization_id = e.organization_id
            and w.project_id = e.project_id
            and e.date_created >= w.starts
            and e.date_created < w.ends
    where e.issue_id is not null
    group by all
),

-- asked for by themselves in the last week, and not found
unknown as (
    select distinct
        s.organization_id,
        unnest(from_json(s.items, '["VARCHAR"]')) as issue_id
    from meta.slices as s
    inner join meta.coverage as c using (run_id, slice_id)
    where
        s.stream = 'issues'
        and s.request = 'unknown'
        and c.status = 'complete'
        and c.finished_at > (select as_of from meta.runs where run_id = $run_id) - interval 7 day
),

known as (
    select
        i.organization_id,
        i.project_id,
        i.issue_id,
        greatest(i.last_seen, t.last_at) as last_at
    from issues as i
    inner join windows as w using (organization_id, project_id)
    left join told as t using (organization_id, project_id, issue_id)
    where
        i._run_id <> $run_id
        and i.deleted_at is null
        and i.merged_into_issue_id is null
        -- where retention is known, one that is still within it is asked for each night: it may be gone by now
        and (i.unlisted_at is null or w.is_retention_known)
        and greatest(i.last_seen, t.last_at) >= w.starts
        and greatest(i.last_seen, t.last_at) < w.ends -- a backfill's sweep says nothing of issues seen later
)

select
    organization_id,
    project_id,
    issue_id as item,
    last_at,
    true as was_known
from known
union all
select
    t.organization_id,
    t.project_id,
    t.issue_id,
    t.last_at,
    false
from told as t
anti join issues as i using (organization_id, issue_id)
anti join unknown as u using (organization_id, issue_id)
order by organization_id, project_id, last_at, item
