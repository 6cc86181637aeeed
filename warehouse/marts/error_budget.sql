-- One row per organization, project, environment and UTC day, from its first session to the newest run.
-- materialised: yes
-- key: organization_id, project_id, environment, day
-- definition: Over the 28 days that end with the day: allowed = (1 - objective) x sessions; budget left =
--   1 - crashed / allowed (below 0: overspent). The objective is a share of 0.995 crash-free sessions, or the number
--   that meta.settings holds under crash_free_objective (docs/bi.md says how to set it).
-- reconcile: select organization_id, project_id, environment, day, sum(session_count) as session_count
--   from marts.release_health group by all
--   except select organization_id, project_id, environment, day, session_count from marts.error_budget
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- environment: Environment; empty where none was sent.
-- day: The UTC day, last of the 28.
-- session_count: Sessions of this day; additive.
-- crashed_session_count: Crashed sessions of this day; additive.
-- sessions_28d: Sessions of the 28 days; additive within a day, windows of days overlap.
-- crashed_sessions_28d: Crashed sessions of the 28 days; additive within a day.
-- crash_free_session_rate_28d: Share of the 28 days' sessions without crash, 0 to 1; null without sessions;
--   not additive.
-- objective: Share of sessions that should be without crash; not additive.
-- allowed_crashes_28d: Crashes that the objective allows in the 28 days; additive within a day.
-- budget_left_28d: Share of the allowed crashes not yet spent; below 0 when overspent; null without sessions
--   or with an objective of 1; not additive.
with
newest_run as (
    select max(as_of)::date as as_of_day from meta.runs
),

settings as (
    select coalesce(max(try_cast(value as double)), 0.995) as objective
    from meta.settings
    where name = 'crash_free_objective'
),

active_days as (
    select
        organization_id,
        project_id,
        project_slug,
        environment,
        day,
        try_cast(sum(session_count) as bigint) as session_count,
        try_cast(sum(crashed_session_count) as bigint) as crashed_session_count
    from marts.release_health
    group by all
),

all_days as (
    select
        organization_id,
        project_id,
        project_slug,
        environment,
        unnest(generate_series(
            min(day)::timestamp, greatest(max(day), any_value(newest_run.as_of_day))::timestamp, interval 1 day
        ))::date as day
    from active_days
    cross join newest_run
    group by organization_id, project_id, project_slug, environment
),

rolling as (
    select
        all_days.*,
        coalesce(active_days.session_count, 0) as session_count,
        coalesce(active_days.crashed_session_count, 0) as crashed_session_count,
        sum(coalesce(active_days.session_count, 0)) over last_28_days as sessions_28d,
        sum(coalesce(active_days.crashed_session_count, 0)) over last_28_days as crashed_sessions_28d
    from all_days
    left join active_days using (organization_id, project_id, environment, day)
    window last_28_days as (
        partition by all_days.organization_id, all_days.project_id, all_days.environment
        order by all_days.day rows between 27 preceding and current row
    )
)

select
    organization_id,
    project_id,
    project_slug,
    environment,
    day,
    session_count,
    crashed_session_count,
    try_cast(sessions_28d as bigint) as sessions_28d,
    try_cast(crashed_sessions_28d as bigint) as crashed_sessions_28d,
    case when sessions_28d > 0 then 1 - crashed_sessions_28d / sessions_28d end::double
        as crash_free_session_rate_28d,
    objective,
    ((1 - objective) * sessions_28d)::double as allowed_crashes_28d,
    case
        when sessions_28d > 0 and objective < 1 then 1 - crashed_sessions_28d / ((1 - objective) * sessions_28d)
    end::double as budget_left_28d
from rolling
cross join settings
