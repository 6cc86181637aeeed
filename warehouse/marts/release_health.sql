-- One row per organization, project, release, environment and UTC day with a session.
-- materialised: yes
-- key: organization_id, project_id, environment, release, day
-- definition: Crash-free sessions of any set of rows = 1 - sum(crashed_session_count) / sum(session_count).
--   Users are distinct per row only: for longer times speak of user-days (a user of three days or two releases
--   counts for each) and take 1 - sum(daily_crashed_user_count) / sum(daily_user_count).
-- reconcile: select organization_id, project_id, sum(session_count) from sessions group by all
--   except select organization_id, project_id, sum(session_count) from marts.release_health group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- release: Version of the release; empty where none was sent.
-- environment: Environment; empty where none was sent.
-- day: The UTC day.
-- session_count: Sessions of all statuses; additive.
-- crashed_session_count: Sessions that crashed; additive.
-- errored_session_count: Sessions with a handled error; additive.
-- abnormal_session_count: Sessions that ended abnormally; additive.
-- daily_user_count: Distinct users of the day in this row; not additive (a sum is user-days, not users).
-- daily_crashed_user_count: Of these, users with a crash, from the rate and rounded; not additive (a sum is
--   user-days, not users).
-- daily_crash_free_session_rate: Share of the day's sessions without crash, 0 to 1; not additive.
-- daily_crash_free_user_rate: Share of the day's users without crash, as Sentry says, 0 to 1; not additive.
with
session_counts as (
    select
        organization_id,
        project_id,
        release,
        environment,
        interval_start::date as day,
        try_cast(sum(session_count) as bigint) as session_count,
        try_cast(coalesce(sum(session_count) filter (where session_status = 'crashed'), 0) as bigint)
            as crashed_session_count,
        try_cast(coalesce(sum(session_count) filter (where session_status = 'errored'), 0) as bigint)
            as errored_session_count,
        try_cast(coalesce(sum(session_count) filter (where session_status = 'abnormal'), 0) as bigint)
            as abnormal_session_count
    from sessions
    group by all
),

-- with intervals shorter than a day the largest stands for the day, as distinct users do not add up
health as (
    select
        organization_id,
        project_id,
        release,
        environment,
        interval_start::date as day,
        max(user_count) as daily_user_count,
        arg_max(crash_free_user_rate, user_count) as daily_crash_free_user_rate
    from session_health
    group by all
)

select
    session_counts.organization_id,
    session_counts.project_id,
    coalesce(project_names.project_slug, session_counts.project_id) as project_slug,
    session_counts.release,
    session_counts.environment,
    session_counts.day,
    session_counts.session_count,
    session_counts.crashed_session_count,
    session_counts.errored_session_count,
    session_counts.abnormal_session_count,
    health.daily_user_count,
    try_cast(round(health.daily_user_count * (1 - health.daily_crash_free_user_rate)) as bigint)
        as daily_crashed_user_count,
    case
        when session_counts.session_count > 0
            then 1 - session_counts.crashed_session_count / session_counts.session_count
    end::double as daily_crash_free_session_rate,
    health.daily_crash_free_user_rate
from session_counts
left join health
    on session_counts.organization_id = health.organization_id
    and session_counts.project_id = health.project_id
    and session_counts.release = health.release
    and session_counts.environment = health.environment
    and session_counts.day = health.day
left join marts.project_names as project_names
    on session_counts.organization_id = project_names.organization_id
    and session_counts.project_id = project_names.project_id
