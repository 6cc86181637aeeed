-- How much was accepted each day?
select day, sum(quantity) as errors
from marts.outcomes_daily
where category = 'error' and outcome = 'accepted'
group by all
order by day desc
limit 10;

-- Which filters work hardest?
select reason, sum(quantity) as errors
from marts.outcomes_daily
where category = 'error' and outcome = 'filtered'
group by all
order by errors desc
limit 10;

-- Which project is rate limited? No rows: all is well.
select project_slug, category, sum(quantity) as quantity
from marts.outcomes_daily
where outcome = 'rate_limited'
group by all
order by quantity desc
limit 10;
