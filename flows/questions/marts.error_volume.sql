-- How many errors has each project a week?
select project_slug, date_trunc('week', day)::date as week, sum(event_count) as events
from marts.error_volume
group by all
order by week desc, events desc
limit 10;

-- Is production noisier than the rest?
select environment, sum(event_count) as events
from marts.error_volume
group by all
order by events desc;

-- Which level are they?
select level, sum(event_count) as events
from marts.error_volume
group by all
order by events desc;
