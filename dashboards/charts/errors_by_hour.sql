-- When in the week do errors come?
-- title: Errors by hour of the week
-- page: errors
-- order: 50
-- size: wide
-- empty: No error event in these days.
-- definition: Mean stored events per UTC hour, by weekday, over the chosen days. Hours without any event count as 0.
with
hours as (
    select weekday, hour, sum(event_count) as events
    from marts.errors_by_hour
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
    group by all
),

weekdays as (
    select isodow(day) as weekday, count(*) as days
    from (select unnest(generate_series($start::timestamp, $end::timestamp, interval 1 day)) as day) as calendar
    group by all
)

select
    hours.weekday,
    ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][hours.weekday] as name,
    hours.hour,
    hours.events::bigint as events,
    (hours.events / weekdays.days)::double as mean_events
from hours
inner join weekdays on hours.weekday = weekdays.weekday
order by hours.weekday, hours.hour
