-- Which parts of events have no table of their own? Empty where all parts have one.
select entry_type, count(*) as entries
from event_entries
group by all
order by entries desc;

-- How many events have such parts?
select count(distinct event_id) as events
from event_entries;

-- What does one of them look like? Empty where all parts have a table.
select entry_type, data
from event_entries
order by date_created desc, event_id, entry_position
limit 1;
