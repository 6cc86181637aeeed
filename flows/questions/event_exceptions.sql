-- Which exceptions are thrown most?
select exception_type, count(*) as times
from event_exceptions
group by all
order by times desc
limit 10;

-- Which were not handled?
select exception_type, mechanism_type, count(*) as times
from event_exceptions
where is_handled = false
group by all
order by times desc
limit 10;

-- Which are most frequent, told apart by their messages?
select exception_type, value, count(*) as times
from event_exceptions
group by all
order by times desc
limit 10;
