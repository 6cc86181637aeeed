-- How much may still go wrong?
-- title: Error budget left, 28 days
-- page: releases
-- order: 30
-- size: wide
-- empty: No sessions in the 28 days before any of these days.
-- definition: Over the 28 days that end with each day: 1 - crashed / allowed, allowed = (1 - objective) x sessions.
--   Below 0 the budget is overspent. Projects and environments are added before dividing.
with
days as (
    select
        day,
        sum(sessions_28d) as sessions_28d,
        sum(crashed_sessions_28d) as crashed_sessions_28d,
        sum(allowed_crashes_28d) as allowed_crashes_28d,
        max(objective) as objective
    from marts.error_budget
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
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
