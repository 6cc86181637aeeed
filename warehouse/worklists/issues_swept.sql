-- One row per complete sweep of a project's issues in this run: how many issues there are by all that is
-- known (those listed, and those that were not, though they should have been), and how many were seen. Only events
-- tell of issues that no list ever showed: without the project's newest ones nothing is proven.
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

told as (
    select
        organization_id,
        project_id,
        max(window_end) as told_to
    from meta.coverage
    where stream = 'events' and request = '' and status = 'complete'
    group by all
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
    count(i.last_at) filter (i.was_seen) as loaded,
    coalesce(any_value(t.told_to) >= s.window_end - interval 36 hour, false) as is_proven
from swept as s
left join told as t using (organization_id, project_id)
left join issues_of_run as i
    on
        i.organization_id = s.organization_id
        and i.project_id = s.project_id
        and i.last_at >= s.window_start
        and i.last_at < s.window_end
group by s.slice_id, s.window_end
