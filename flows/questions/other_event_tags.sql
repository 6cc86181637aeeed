-- Which tags are there, and how many values has each? Empty where all issues are of errors.
select key, count(distinct value) as tag_values, count(*) as events
from other_event_tags
group by all
order by events desc
limit 20;

-- Which browsers show performance issues? Empty where all issues are of errors.
select value as browser, count(*) as events
from other_event_tags
where key = 'browser'
group by all
order by events desc
limit 10;

-- Which servers had them? Empty where all issues are of errors.
select t.value as server_name, count(distinct e.issue_id) as issues
from other_event_tags as t
join other_events as e using (organization_id, event_id)
where t.key = 'server_name'
group by all
order by issues desc
limit 10;
