-- One row per organization, project, environment, release and UTC day with a session of that release.
-- materialised: yes
-- key: organization_id, project_id, environment, release, day
-- definition: Share = the release's sessions among all sessions of its project and environment on that day.
--   Releases are ranked on each day among the project's releases that ever had sessions and existed by the end of
--   the day: newest, previous, two back, older. Sessions without a release have no rank but count in the whole.
-- reconcile: select organization_id, project_id, sum(session_count) from marts.release_health
--   where session_count > 0 group by all
--   except select organization_id, project_id, sum(session_count) from marts.release_adoption group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- environment: Environment; empty where none was sent.
-- release: Version of the release; empty where none was sent.
-- day: The UTC day.
-- released_at: When the release was made in Sentry; where that is not known, the day of its first session (UTC).
-- releases_newer: How many of these were newer on that day; null without a release; not additive.
-- release_age: newest, previous, two back, older; none without a release.
-- session_count: Its sessions; additive.
-- share_of_day: Its share of that day's sessions of project and environment, 0 to 1; not additive.
with
release_times as (
    select
        health.organization_id,
        health.project_id,
        health.release,
        coalesce(min(releases.date_created), min(health.day)::timestamp) as released_at
    from marts.release_health as health
    left join releases
        on health.organization_id = releases.organization_id
        and health.release = releases.version
    where health.release <> ''
    group by all
),

numbered as (
    select *, row_number() over (
        partition by organization_id, project_id order by released_at, release
    ) as release_number
    from release_times
),

days_of_project as (
    select distinct organization_id, project_id, day from marts.release_health
),

newest_of_day as (
    select
        days_of_project.organization_id,
        days_of_project.project_id,
        days_of_project.day,
        max(numbered.release_number) as newest_number
    from days_of_project
    inner join numbered
        on days_of_project.organization_id = numbered.organization_id
        and days_of_project.project_id = numbered.project_id
        and numbered.released_at < days_of_project.day + interval 1 day
    group by all
),

ranked as (
    select
        health.organization_id,
        health.project_id,
        health.project_slug,
        health.environment,
        health.release,
        health.day,
        numbered.released_at,
        -- a session may come before its release is known to be made
        greatest(newest_of_day.newest_number - numbered.release_number, 0) as releases_newer,
        health.session_count,
        sum(health.session_count) over (
            partition by health.organization_id, health.project_id, health.environment, health.day
        ) as all_sessions
    from marts.release_health as health
    left join numbered
        on health.organization_id = numbered.organization_id
        and health.project_id = numbered.project_id
        and health.release = numbered.release
    left join newest_of_day
        on health.organization_id = newest_of_day.organization_id
        and health.project_id = newest_of_day.project_id
        and health.day = newest_of_day.day
    where health.session_count > 0
)

select
    organization_id,
    project_id,
    project_slug,
    environment,
    release,
    day,
    released_at,
    case when release <> '' then releases_newer end as releases_newer,
    case
        when release = '' then 'none'
        when coalesce(releases_newer, 0) = 0 then 'newest'
        when releases_newer = 1 then 'previous'
        when releases_newer = 2 then 'two back'
        else 'older'
    end as release_age,
    session_count,
    (session_count / all_sessions)::double as share_of_day
from ranked
