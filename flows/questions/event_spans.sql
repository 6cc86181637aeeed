-- Which operations take longest? None is well.
select op, count(*) as spans, sum(exclusive_time) as milliseconds
from event_spans
group by all
order by milliseconds desc
limit 10;

-- Which statements are slow? None is well.
select description, max(exclusive_time) as milliseconds
from event_spans
where op like 'db%'
group by all
order by milliseconds desc
limit 10;

-- How do spans end? None is well.
select status, count(*) as spans
from event_spans
group by all
order by spans desc;
