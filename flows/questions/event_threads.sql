-- Which threads crash? None is well.
select name, count(*) as crashes
from event_threads
where is_crashed
group by all
order by crashes desc
limit 10;

-- How many threads ran when it happened? None is well.
select event_id, count(*) as threads
from event_threads
group by all
order by threads desc
limit 10;

-- In what state were they? None is well.
select state, count(*) as threads
from event_threads
group by all
order by threads desc;
