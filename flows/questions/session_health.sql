-- Which release crashes most?
select release, sum(session_count) as sessions,
    100 * (1 - sum(session_count * crash_free_session_rate) / nullif(sum(session_count),
    0)) as crashed_percent
from session_health
group by all
having sum(session_count) > 0
order by crashed_percent desc
limit 10;

-- How many users has each day, at most, in one release and environment?
select interval_start::date as day, max(user_count) as users
from session_health
group by all
order by day desc
limit 10;

-- How long are sessions? Empty where Sentry does not tell, as since 2023.
select release, median(session_duration_p50) as typical_milliseconds
from session_health
where session_duration_p50 is not null
group by all
order by typical_milliseconds desc
limit 10;
