-- One row per table, project and reason that some day is not whole.
select
    table_name as stream,
    '' as request,
    organization_id,
    organization_slug,
    project_id,
    slugs.project_slug,
    min(day)::timestamp as window_start,
    max(day)::timestamp + interval 1 day as window_end,
    count(*) as days,
    status,
    sum(expected)::bigint as expected,
    sum(loaded)::bigint as loaded,
    reason
from standing
left join {slugs} as slugs using (organization_id, project_id)
where status not in ('complete', 'sampled')
group by all
order by all
