-- Which systems do users have?
select name, version, count(*) as events
from event_contexts
where key = 'os'
group by all
order by events desc
limit 10;

-- Which contexts do events bring along?
select key, count(*) as events
from event_contexts
group by all
order by events desc;

-- On which devices does it happen?
select family, model, count(*) as events
from event_contexts
where key = 'device'
group by all
order by events desc
limit 10;
