-- Time to resolve, by week: How long does it take us to resolve an issue?
-- Hours from the first event, or the last reopening, to the resolution, of all resolutions of the week (Monday to Sunday, UTC): the median and the time within which nine of ten were done. A week without a resolution is a gap.
with
resolutions as (
    select date_trunc('week', day)::date as week, hours_to_resolve
    from marts.time_to_resolve
    where day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
),

weeks as (
    select
        week,
        count(*) as resolutions,
        median(hours_to_resolve) as median_hours,
        quantile_cont(hours_to_resolve, 0.9) as p90_hours
    from resolutions
    group by all
),

-- weeks without a resolution too, so that no line runs over them
calendar as (
    select unnest(generate_series(min(week), max(week), interval 7 day))::date as week from weeks
),

all_weeks as (
    select calendar.week, weeks.median_hours, weeks.p90_hours, coalesce(weeks.resolutions, 0) as resolutions
    from calendar
    left join weeks on calendar.week = weeks.week
)

select week, 'median' as measure, median_hours / 24 as days, resolutions from all_weeks
union all
select week, 'nine of ten', p90_hours / 24, resolutions from all_weeks
order by week, measure
