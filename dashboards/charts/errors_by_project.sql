-- Which projects make the errors, and when?
-- title: Error events by project
-- page: overview, errors
-- order: 10
-- size: wide
-- drill: events
-- empty: No error event in these days.
-- definition: Stored error events by UTC day. The seven projects with most events of the period have their own
--   colour, the rest is one.
with
chosen as (
    select project_slug, day, sum(event_count) as event_count
    from marts.error_volume
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
    group by all
),

ranked as (
    select project_slug, least(row_number() over (order by sum(event_count) desc, project_slug), 8) as place
    from chosen
    group by project_slug
)

select
    case when ranked.place < 8 then chosen.project_slug else 'other projects' end as project,
    ranked.place,
    chosen.day,
    sum(chosen.event_count)::bigint as events
from chosen
inner join ranked on chosen.project_slug = ranked.project_slug
group by all
order by chosen.day, ranked.place
