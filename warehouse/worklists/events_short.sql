-- One row per project and day of which Sentry counts more error events than are stored: to be read again.
with counted as (
    select
        organization_id,
        project_id,
        day,
        event_count
    from event_counts
    where _run_id = $run_id
),

stored as (
    select
        e.organization_id,
        e.project_id,
        date_trunc('day', e.date_created) as day,
        count(*) as event_count
    from events as e
    left join issues as i using (organization_id, issue_id)
    where
        e.date_created < (select as_of from meta.runs where run_id = $run_id)
        and i.deleted_at is null -- Sentry counts them no more
    group by all
)

select
    c.organization_id,
    c.project_id,
    c.day as item
from counted as c
left join stored as s using (organization_id, project_id, day)
where c.event_count > coalesce(s.event_count, 0)
order by all
