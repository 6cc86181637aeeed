-- When in the week do errors come?
-- title: Errors by hour of the week
-- page: errors
-- order: 50
-- size: full
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
    weekdays.weekday,
    ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][weekdays.weekday] as name,
    clock.hour,
    coalesce(hours.events, 0)::bigint as events,
    (coalesce(hours.events, 0) / weekdays.days)::double as mean_events
from weekdays
cross join range(24) as clock(hour)
left join hours on weekdays.weekday = hours.weekday and clock.hour = hours.hour
where exists (from hours)
order by weekdays.weekday, clock.hour
