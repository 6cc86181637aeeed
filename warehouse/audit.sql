-- One row per project and day counted in this run whose figures differ from those of its last audit.
with counted as (
    select
        c.organization_id,
        c.project_id,
        c.day,
        c.event_count as expected,
        c._loaded_at as counted_at
    from event_counts as c
    semi join meta.coverage as s
        on
            s.run_id = $run_id
            and s.stream = 'events'
            and s.request = ''
            and s.organization_id = c.organization_id
            and s.project_id = c.project_id
    where c._run_id = $run_id
),

stored as (
    select
        e.organization_id,
        e.project_id,
        date_trunc('day', e.date_created) as day,
        count(*) as loaded
    from events as e
    left join issues as i using (organization_id, issue_id)
    where
        e.date_created < (select as_of from meta.runs where run_id = $run_id)
        and i.deleted_at is null -- Sentry counts them no more
    group by all
),

audited as (
    select
        organization_id,
        project_id,
        window_start as day,
        arg_max(expected, finished_at) as expected,
        arg_max(loaded, finished_at) as loaded
    from meta.coverage
    where stream = 'events' and request = 'audit'
    group by all
)

select
    $run_id as run_id,
    'audit-' || c.project_id || '-' || strftime(c.day, '%Y%m%d') as slice_id,
    'events' as stream,
    'audit' as request,
    c.organization_id,
    c.project_id,
    c.day as window_start,
    c.day + interval 1 day as window_end,
    0 as requests,
    0 as rows,
    0 as bytes,
    case when coalesce(s.loaded, 0) >= c.expected then 'complete' else 'partial' end as status,
    c.expected,
    coalesce(s.loaded, 0) as loaded,
    case
        when coalesce(s.loaded, 0) < c.expected
            then format(
                'Sentry counts {} events on {} but lists {}, also when that day is read again.',
                c.expected,
                strftime(c.day, '%Y-%m-%d'),
                coalesce(s.loaded, 0)
            )
    end as reason,
    c.counted_at as started_at,
    $now as finished_at
from counted as c
left join stored as s using (organization_id, project_id, day)
left join audited as a using (organization_id, project_id, day)
where
    a.expected is distinct from c.expected
    or a.loaded is distinct from coalesce(s.loaded, 0)
    or c.expected > coalesce(s.loaded, 0)
order by all
