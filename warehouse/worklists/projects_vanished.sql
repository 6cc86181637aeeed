-- One row of meta.coverage per project that Sentry listed before and lists no more, and per request that had been
-- read of it: the run says so once, whether or not it was refused before, and the project holds nothing up any longer.
with run as (
    select as_of from meta.runs where run_id = $run_id
),

listed as (
    select organization_id
    from meta.coverage
    where run_id = $run_id and stream = 'projects' and request = ''
    group by organization_id
    having bool_and(status = 'complete')
),

said as (
    select
        organization_id,
        project_id,
        stream,
        request,
        starts_with(arg_max(slice_id, finished_at), 'vanished-') as has_vanished
    from meta.coverage
    where request <> 'audit' and run_id <> $run_id
    group by all
),

present as (
    select
        organization_id,
        project_id
    from projects
    where _run_id = $run_id
)

select
    $run_id as run_id,
    'vanished-' || c.project_id || '-' || c.stream || '-' || c.request as slice_id,
    c.stream,
    c.request,
    c.organization_id,
    c.project_id,
    c.watermark as window_start,
    run.as_of as window_end,
    0 as requests,
    0 as rows,
    0 as bytes,
    'gone' as status,
    'Sentry lists this project no more: it was deleted, or the token no longer sees it. What was read of it stays.'
        as reason,
    $now as started_at,
    $now as finished_at
from meta.cursors as c
inner join listed as l using (organization_id)
left join said as s using (organization_id, project_id, stream, request)
anti join present as p using (organization_id, project_id)
cross join run
where
    c.project_id <> ''
    and c.watermark < run.as_of
    and s.has_vanished is not true
order by all
