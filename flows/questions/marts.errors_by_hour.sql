-- At what hour do errors come?
select hour, sum(event_count) as events
from marts.errors_by_hour
group by all
order by hour;

-- On which weekday?
select weekday, sum(event_count) as events
from marts.errors_by_hour
group by all
order by weekday;

-- Which hour was the worst?
select hour_start, project_slug, sum(event_count) as events
from marts.errors_by_hour
group by all
order by events desc
limit 5;
