-- One row per issue that this run's complete sweep of its project did not list although its last event is
-- recent enough to be: asked for by itself, once, to learn whether it was deleted or merged. Issues whose
-- last event is older than all that Sentry still counts only aged out, and are left alone.
with retained as (
    select
        organization_id,
        min(day) as since
    from event_counts
    where _run_id = $run_id
    group by organization_id
),

swept as (
    select organization_id, project_id, max(window_end) as window_end, min(window_start) as window_start
    from meta.coverage
    where run_id = $run_id and stream = 'issues' and request = ''
    group by organization_id, project_id
    having bool_and(status = 'complete')
)
select
    i.organization_id,
    i.project_id,
    i.issue_id as item
from issues as i
inner join swept as s using (organization_id, project_id)
left join retained as r using (organization_id)
where
    i._run_id <> $run_id
    and i.deleted_at is null
    and i.merged_into_issue_id is null
    and i.last_seen >= greatest(s.window_start, r.since)
    and i.last_seen < s.window_end -- a backfill's sweep says nothing of issues seen after it
    and i.unlisted_at is null
order by i.organization_id, i.project_id, i.issue_id
