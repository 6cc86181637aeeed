-- One row per complete sweep of a project's issues in this run: how many issues there are by all that is
-- known (those listed, and those that were not, though they should have been), and how many were seen.
with swept as (
    select
        slice_id,
        organization_id,
        project_id,
        window_start,
        window_end
    from meta.coverage
    where run_id = $run_id and stream = 'issues' and request = '' and status = 'complete'
),

issues_of_run as (
    select
        organization_id,
        project_id,
        last_seen as last_at,
        true as was_seen
    from issues
    where _run_id = $run_id
    union all
    select
        organization_id,
        project_id,
        last_at,
        false
    from {issues_missing}
)

select
    s.slice_id,
    count(i.last_at) as expected,
    count(i.last_at) filter (i.was_seen) as loaded
from swept as s
left join issues_of_run as i
    on
        i.organization_id = s.organization_id
        and i.project_id = s.project_id
        and i.last_at >= s.window_start
        and i.last_at < s.window_end
group by all
