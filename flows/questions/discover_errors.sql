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

-- Which release hit the most users on one day, at one level?
select interval_start::date as day, release, environment, level, count_unique_user as users
from discover_errors
order by users desc
limit 10;
