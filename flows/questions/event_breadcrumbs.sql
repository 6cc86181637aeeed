-- What kinds of steps lead to errors?
select category, level, count(*) as breadcrumbs
from event_breadcrumbs
group by all
order by breadcrumbs desc
limit 10;

-- What happened just before the newest error?
select timestamp, category, message
from event_breadcrumbs
where event_id = (select event_id from event_breadcrumbs order by date_created desc, event_id limit 1)
order by breadcrumb_position;

-- How many steps does an event tell of?
select median(steps) as median_steps, max(steps) as most_steps
from (select event_id, count(*) as steps from event_breadcrumbs group by all) as counted;
