-- Which addresses fail most?
select method, url, count(*) as events
from event_requests
group by all
order by events desc
limit 10;

-- Which methods are they?
select method, count(*) as events
from event_requests
group by all
order by events desc;

-- What do requests carry?
select inferred_content_type, count(*) as events
from event_requests
group by all
order by events desc;
