-- How many errors and users has each release?
select release, sum(count) as errors
from discover_errors
group by all
order by errors desc
limit 10;

-- Which level are they?
select level, sum(count) as errors
from discover_errors
group by all
order by errors desc;

-- On which day were most users hit in one environment?
select interval_start::date as day, environment, max(count_unique_user) as users
from discover_errors
group by all
order by users desc
limit 10;
