-- Error budget left, 28 days: How much may still go wrong?
-- Over the 28 days that end with each day: 1 - crashed / allowed, allowed = (1 - objective) x sessions. Below 0 the budget is overspent. Projects and environments are added before dividing.
with
days as (
    select
        day,
        sum(sessions_28d) as sessions_28d,
        sum(crashed_sessions_28d) as crashed_sessions_28d,
        sum(allowed_crashes_28d) as allowed_crashes_28d,
        max(objective) as objective
    from marts.error_budget
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
    group by all
)

select
    day,
    sessions_28d::bigint as sessions_28d,
    crashed_sessions_28d::bigint as crashed_sessions_28d,
    allowed_crashes_28d,
    objective,
    (1 - crashed_sessions_28d / allowed_crashes_28d)::double as budget_left
from days
where allowed_crashes_28d > 0
order by day
