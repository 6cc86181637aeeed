-- Are users safe from crashes?
-- title: Crash-free sessions and users
-- page: overview, releases
-- order: 20
-- size: wide
-- empty: No sessions in these days: release health is not switched on, or nobody was there.
-- definition: 1 - crashed / all, by UTC day. Users are user-days: once a day, environment and release. The line is
--   the objective (meta.settings crash_free_objective, else 99.5 %).
with
days as (
    select
        day,
        sum(session_count) as session_count,
        sum(crashed_session_count) as crashed_session_count,
        sum(daily_user_count) filter (where daily_crashed_user_count is not null) as user_days,
        sum(daily_crashed_user_count) as crashed_user_days
    from marts.release_health
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
    group by all
),

objectives as (
    select max(objective) as objective from marts.error_budget
),

rates as (
    select
        day, 'sessions' as measure,
        (1 - crashed_session_count / nullif(session_count, 0))::double as crash_free
    from days
    union all
    select day, 'users', (1 - crashed_user_days / nullif(user_days, 0))::double from days
)

select rates.day, rates.measure, rates.crash_free, objectives.objective
from rates
cross join objectives
where rates.crash_free is not null
order by rates.day, rates.measure
