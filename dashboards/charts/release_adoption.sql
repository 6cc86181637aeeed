-- How fast do users move to the newest release?
-- title: Release adoption
-- page: releases
-- order: 40
-- size: full
-- empty: No sessions in these days.
-- definition: Sessions by UTC day, of all releases. For one project: its seven newest releases by name; for
--   several: how many releases each was behind its project's newest on that day.
with
chosen as (
    select day, project_slug, release, release_age, released_at, session_count
    from marts.release_adoption
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
),

newest_first as (
    select release, row_number() over (order by max(released_at) desc, release desc) as place
    from chosen
    where release <> ''
    group by release
),

labelled as (
    select
        chosen.day,
        case
            when $project is not null and newest_first.place <= 7 then newest_first.release
            when $project is not null and chosen.release = '' then 'no release'
            when $project is not null then 'older releases'
            when chosen.release_age = 'none' then 'no release'
            else chosen.release_age
        end as label,
        case
            when $project is not null then least(coalesce(newest_first.place, 9), case when chosen.release = '' then 9 else 8 end)
            else list_position(['newest', 'previous', 'two back', 'older', 'none'], chosen.release_age)
        end as place,
        chosen.session_count
    from chosen
    left join newest_first on chosen.release = newest_first.release
),

days as (
    select day, label, place, sum(session_count)::bigint as sessions
    from labelled
    group by all
)

select day, label, place, sessions, (sessions / sum(sessions) over (partition by day))::double as share
from days
order by day, place
