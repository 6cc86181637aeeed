-- One row per table: how many of its days (times projects) are whole, of how many that is not proven, and up to
-- when it is fresh. It is fresh when no project lags and what is newest is at most 36 hours old by the clock. What
-- Sentry counts is null where it counted several days together: their sum would be that of the other days alone.
with several_days as (
    select distinct
        {table_name} as table_name
    from meta.coverage
    where request is distinct from 'audit' and expected is not null and window_end > window_start + interval 1 day
),

days as (
    select
        organization_id,
        table_name,
        count(*) as days,
        count(*) filter (status in ('complete', 'sampled')) as whole_days,
        count(*) filter (status in ('complete', 'sampled') and reason is not null) as unproven_days,
        arg_max(reason, checked_at) filter (status in ('complete', 'sampled')) as unproven_reason,
        sum(expected) filter (table_name not in (from several_days))::bigint as expected,
        sum(loaded) filter (expected is not null and table_name not in (from several_days))::bigint as loaded,
        max(checked_at) as checked_at
    from standing
    group by all
),

fresh as (
    select
        organization_id,
        table_name,
        up_to,
        projects_behind,
        case
            when status = 'fresh' and up_to < $now - interval 36 hour then 'stale'
            else status
        end as freshness
    from {freshness}
    where status <> 'left out'
)

select
    table_name as "table",
    sum(days)::bigint as days,
    sum(whole_days)::bigint as whole_days,
    coalesce(sum(unproven_days), 0)::bigint as unproven_days,
    max(unproven_reason) as unproven_reason,
    sum(expected)::bigint as expected,
    sum(loaded)::bigint as loaded,
    max(checked_at) as checked_at,
    min(up_to) as up_to,
    greatest(date_diff('hour', min(up_to), $now), 0) as age_hours,
    coalesce(max(freshness) filter (freshness <> 'fresh'), 'fresh') as freshness,
    coalesce(
        sum(days) = sum(whole_days) and sum(unproven_days) = 0 and bool_and(freshness = 'fresh'), false
    ) as is_proven
from days
full join fresh using (organization_id, table_name)
group by all
order by all
