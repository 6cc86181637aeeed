-- Crash-free sessions and users: Are users safe from crashes?
-- 1 - crashed / all, by UTC day. Users are user-days: once a day, environment and release. The line is the objective (meta.settings crash_free_objective, else 99.5 %).
with
days as (
    select
        day,
        sum(session_count) as session_count,
        sum(crashed_session_count) as crashed_session_count,
        sum(daily_user_count) filter (where daily_crashed_user_count is not null) as user_days,
        sum(daily_crashed_user_count) as crashed_user_days
    from marts.release_health
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
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
