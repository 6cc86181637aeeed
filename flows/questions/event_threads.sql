-- Which threads crash? Empty where no event lists threads: apps on phones and desktops do, browsers and most servers do not.
select name, count(*) as crashes
from event_threads
where is_crashed
group by all
order by crashes desc
limit 10;

-- How many threads ran when it happened? Empty where no event lists threads: apps on phones and desktops do, browsers and most servers do not.
select event_id, count(*) as threads
from event_threads
group by all
order by threads desc
limit 10;

-- In what state were they? Empty where no event lists threads: apps on phones and desktops do, browsers and most servers do not.
select state, count(*) as threads
from event_threads
group by all
order by threads desc;
