-- Which operations take longest? Empty where no event brought spans: transactions do, errors seldom.
select op, count(*) as spans, sum(exclusive_time) as milliseconds
from event_spans
group by all
order by milliseconds desc
limit 10;

-- Which statements are slow? Empty where no event brought spans: transactions do, errors seldom.
select description, max(exclusive_time) as milliseconds
from event_spans
where op like 'db%'
group by all
order by milliseconds desc
limit 10;

-- How do spans end? Empty where no event brought spans: transactions do, errors seldom.
select status, count(*) as spans
from event_spans
group by all
order by spans desc;
