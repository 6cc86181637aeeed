-- How many sessions had each day?
select interval_start::date as day, sum(session_count) as sessions
from sessions
group by all
order by day desc
limit 10;

-- How do sessions end?
select session_status, sum(session_count) as sessions
from sessions
group by all
order by sessions desc;

-- Which release has most of them?
select release, environment, sum(session_count) as sessions
from sessions
group by all
order by sessions desc
limit 10;
