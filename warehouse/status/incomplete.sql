-- One row per table, project and reason that some day is not whole.
select
    table_name as stream,
    '' as request,
    organization_id,
    project_id,
    min(day)::timestamp as window_start,
    max(day)::timestamp + interval 1 day as window_end,
    status,
    sum(expected)::bigint as expected,
    sum(loaded)::bigint as loaded,
    arg_max(reason, checked_at) as reason
from {standing}
where status not in ('complete', 'sampled')
group by table_name, organization_id, project_id, status
order by all
