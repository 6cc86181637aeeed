-- How are we doing, compared with the period before?
-- title: Headlines
-- page: every
-- order: 0
-- definition: Each figure is that of the chosen days beside the same number of days before, if those were all
--   asked for. There is none where Sentry refuses all that it is made from. Crash-free users are user-days: a user
--   counts once a day, environment and release. Open issues are those of the newest run.
with
-- days before the first that was asked for say nothing: they must not pass for quiet ones
known as (
    select
        coalesce(min(day) filter (where table_name = 'events') <= $previous_start, false) as events,
        coalesce(min(day) filter (where table_name = 'issues') <= $previous_start, false) as issues,
        coalesce(min(day) filter (where table_name = 'sessions') <= $previous_start, false) as sessions,
        coalesce(min(day) filter (where table_name = 'outcomes') <= $previous_start, false) as outcomes
    from marts.completeness
    where ($organization is null or organization_id = $organization)
),

-- projects that the token may not read say nothing either: they have no figure, instead of 0
refused as (
    select
        coalesce(bool_and(completeness.status = 'forbidden') filter (where completeness.table_name = 'events'), false)
            as events,
        coalesce(bool_and(completeness.status = 'forbidden') filter (where completeness.table_name = 'issues'), false)
            as issues
    from marts.completeness as completeness
    where completeness.day between $start and $end
        and ($organization is null or completeness.organization_id = $organization)
        and ($project is null or completeness.project_slug = $project)
),

days as (
    select unnest(generate_series($previous_start::timestamp, $end::timestamp, interval 1 day))::date as day
),

errors as (
    select day, sum(event_count) as event_count
    from marts.error_volume
    where day between $previous_start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
    group by all
),

flow as (
    select day, sum(opened) as opened, sum(resolved) as resolved
    from marts.issue_flow
    where day between $previous_start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
    group by all
),

resolutions as (
    select day, hours_to_resolve
    from marts.time_to_resolve
    where day between $previous_start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
),

health as (
    select
        day,
        sum(session_count) as session_count,
        sum(crashed_session_count) as crashed_session_count,
        sum(daily_user_count) filter (where daily_crashed_user_count is not null) as user_days,
        sum(daily_crashed_user_count) as crashed_user_days
    from marts.release_health
    where day between $previous_start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
    group by all
),

sent as (
    select
        day,
        sum(quantity) as quantity,
        sum(quantity) filter (where outcome = 'accepted') as accepted
    from marts.outcomes_daily
    where day between $previous_start and $end
        and category = 'error'
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
    group by all
),

by_day as (
    select
        days.day,
        days.day >= $start as is_now,
        errors.event_count,
        flow.opened,
        flow.resolved,
        health.session_count,
        health.crashed_session_count,
        health.user_days,
        health.crashed_user_days,
        sent.quantity,
        sent.accepted
    from days
    left join errors on days.day = errors.day
    left join flow on days.day = flow.day
    left join health on days.day = health.day
    left join sent on days.day = sent.day
),

resolve_times as (
    select
        median(hours_to_resolve) filter (where day >= $start) as now_hours,
        median(hours_to_resolve) filter (where day < $start) as previous_hours
    from resolutions
),

resolve_trend as (
    select list(hours order by day) as trend
    from (
        select days.day, median(resolutions.hours_to_resolve) as hours
        from days
        left join resolutions on days.day = resolutions.day
        where days.day >= $start
        group by all
    ) as medians
),

backlog as (
    select count(*) as open_issues
    from marts.backlog_age
    where ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
),

tiles as (
    select
        1 as position, 'error_events' as tile, 'Error events' as title, 'count' as format, 'down' as better,
        coalesce(sum(event_count) filter (where is_now), case when not any_value(refused.events) then 0 end)::double
            as value,
        case when any_value(known.events) then coalesce(sum(event_count) filter (where not is_now), 0) end::double
            as previous,
        list(coalesce(event_count, 0)::double order by day) filter (where is_now) as trend,
        'project, environment, release' as follows
    from by_day
    cross join known
    cross join refused
    union all
    select
        2, 'new_issues', 'New issues', 'count', 'down',
        coalesce(sum(opened) filter (where is_now), case when not any_value(refused.issues) then 0 end)::double,
        case when any_value(known.issues) then coalesce(sum(opened) filter (where not is_now), 0) end::double,
        list(coalesce(opened, 0)::double order by day) filter (where is_now),
        'project'
    from by_day
    cross join known
    cross join refused
    union all
    select
        3, 'resolved_issues', 'Resolved issues', 'count', 'up',
        coalesce(sum(resolved) filter (where is_now), case when not any_value(refused.issues) then 0 end)::double,
        case when any_value(known.issues) then coalesce(sum(resolved) filter (where not is_now), 0) end::double,
        list(coalesce(resolved, 0)::double order by day) filter (where is_now),
        'project'
    from by_day
    cross join known
    cross join refused
    union all
    select
        4, 'time_to_resolve', 'Median time to resolve', 'hours', 'down',
        now_hours, case when known.issues then previous_hours end, resolve_trend.trend, 'project'
    from resolve_times
    cross join resolve_trend
    cross join known
    union all
    select
        5, 'crash_free_sessions', 'Crash-free sessions', 'percent', 'up',
        (1 - sum(crashed_session_count) filter (where is_now)
            / nullif(sum(session_count) filter (where is_now), 0))::double,
        case when any_value(known.sessions) then
            1 - sum(crashed_session_count) filter (where not is_now)
            / nullif(sum(session_count) filter (where not is_now), 0)
        end::double,
        list((1 - crashed_session_count / nullif(session_count, 0))::double order by day) filter (where is_now),
        'project, environment, release'
    from by_day
    cross join known
    union all
    select
        6, 'crash_free_users', 'Crash-free users', 'percent', 'up',
        (1 - sum(crashed_user_days) filter (where is_now)
            / nullif(sum(user_days) filter (where is_now), 0))::double,
        case when any_value(known.sessions) then
            1 - sum(crashed_user_days) filter (where not is_now)
            / nullif(sum(user_days) filter (where not is_now), 0)
        end::double,
        list((1 - crashed_user_days / nullif(user_days, 0))::double order by day) filter (where is_now),
        'project, environment, release'
    from by_day
    cross join known
    union all
    select
        7, 'errors_not_accepted', 'Errors not accepted', 'percent', 'down',
        (1 - coalesce(sum(accepted) filter (where is_now), 0)
            / nullif(sum(quantity) filter (where is_now), 0))::double,
        case when any_value(known.outcomes) then
            1 - coalesce(sum(accepted) filter (where not is_now), 0)
            / nullif(sum(quantity) filter (where not is_now), 0)
        end::double,
        list((1 - coalesce(accepted, 0) / nullif(quantity, 0))::double order by day) filter (where is_now),
        'project'
    from by_day
    cross join known
    union all
    select
        8, 'open_issues', 'Open issues now', 'count', 'down',
        case when open_issues > 0 or not refused.issues then open_issues end::double, null, null, 'project'
    from backlog
    cross join refused
)

select position, tile, title, format, better, value, previous, trend, follows
from tiles
order by position
