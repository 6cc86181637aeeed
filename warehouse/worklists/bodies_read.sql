-- One row per complete listing of full bodies in this run: how many events the run knows of its window, and of how
-- many of them there is a body.
with listed as (
    select
        slice_id,
        organization_id,
        project_id,
        window_start,
        window_end
    from meta.coverage
    where run_id = $run_id and stream = 'events' and request = 'full' and status = 'complete'
)

select
    l.slice_id,
    count(e.event_id) as expected,
    count(b.event_id) as loaded
from listed as l
left join events as e
    on
        e.organization_id = l.organization_id
        and e.project_id = l.project_id
        and e._run_id = $run_id
        and e.date_created >= l.window_start
        and e.date_created < l.window_end
left join event_details as b on b.organization_id = e.organization_id and b.event_id = e.event_id
group by l.slice_id
