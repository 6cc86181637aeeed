-- Which release is healthy?
-- title: Release health
-- page: releases
-- order: 50
-- size: full
-- empty: No sessions in these days.
-- definition: Sessions of the chosen days by project and release, newest release first. Share: of the sessions of
--   all releases of the project. New issues: those of the project first seen in the 72 hours after the release.
--   Crash-free users are user-days. The 15 newest are shown.
with
releases as (
    select
        organization_id,
        project_id,
        project_slug,
        release,
        sum(session_count)::bigint as sessions,
        sum(crashed_session_count)::bigint as crashed,
        sum(daily_user_count) filter (where daily_crashed_user_count is not null) as user_days,
        sum(daily_crashed_user_count) as crashed_user_days
    from marts.release_health
    where day between $start and $end
        and release <> ''
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
    group by all
),

-- before one release is chosen, or its share would be all
chosen as (
    select
        *,
        (sessions / nullif(sum(sessions) over (partition by organization_id, project_id), 0))::double as share
    from releases
)

select
    chosen.release,
    chosen.project_slug as project,
    impact.released_at,
    chosen.sessions,
    chosen.share,
    (1 - chosen.crashed / nullif(chosen.sessions, 0))::double as crash_free_sessions,
    (1 - chosen.crashed_user_days / nullif(chosen.user_days, 0))::double as crash_free_users,
    impact.new_issues_72h as new_issues
from chosen
left join marts.deploy_impact as impact
    on chosen.organization_id = impact.organization_id
    and chosen.project_id = impact.project_id
    and chosen.release = impact.release
where chosen.sessions > 0
    and ($release is null or chosen.release = $release)
order by impact.released_at desc nulls last, chosen.sessions desc, chosen.release
limit 15
