-- One row per issue and request of the stream of events that asked for it and was answered, with the time until
-- which it last did.
with requests as (
    select
        s.request,
        s.organization_id,
        s.window_end,
        unnest(from_json(s.items, '["VARCHAR"]')) as issue_id
    from meta.slices as s
    inner join meta.coverage as c using (run_id, slice_id)
    where s.stream = 'events' and s.items is not null and c.status = 'complete'
)

select
    request,
    organization_id,
    issue_id,
    max(window_end) as asked_at
from requests
group by all
