-- One row of meta.coverage per project and day counted in this run whose figures are new or that is short.
select
    $run_id as run_id,
    'audit-' || project_id || '-' || strftime(day, '%Y%m%d') as slice_id,
    'events' as stream,
    'audit' as request,
    organization_id,
    project_id,
    day as window_start,
    day + interval 1 day as window_end,
    0 as requests,
    0 as rows,
    0 as bytes,
    case when loaded >= expected then 'complete' else 'partial' end as status,
    expected,
    loaded,
    case
        when loaded >= expected then null
        when stored >= expected
            then format(
                'Sentry counts {} events on {} but lists {} of them; {} are stored, some of which it may have '
                'deleted since.',
                expected,
                strftime(day, '%Y-%m-%d'),
                loaded,
                stored
            )
        else format(
            'Sentry counts {} events on {} but lists {}, also when that day is read again.',
            expected,
            strftime(day, '%Y-%m-%d'),
            loaded
        )
    end as reason,
    counted_at as started_at,
    $now as finished_at
from {events_counted}
where
    expected_before is distinct from expected
    or loaded_before is distinct from loaded
    or expected > loaded
order by all
