-- Errors by hour of the week: When in the week do errors come?
-- Mean stored events per UTC hour, by weekday, over the chosen days. Hours without any event count as 0.
with
hours as (
    select weekday, hour, sum(event_count) as events
    from marts.errors_by_hour
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by all
),

weekdays as (
    select isodow(day) as weekday, count(*) as days
    from (select unnest(generate_series(coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs))::timestamp, coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))::timestamp, interval 1 day)) as day) as calendar
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
