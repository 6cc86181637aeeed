-- Which tags are there, and how many values has each?
select key, count(distinct value) as tag_values, count(*) as events
from event_tags
group by all
order by events desc
limit 20;

-- Which browsers meet most errors?
select value as browser, count(*) as events
from event_tags
where key = 'browser'
group by all
order by events desc
limit 10;

-- What do the events of one issue have in common?
select key, value, count(*) as events
from event_tags as t
join events as e using (organization_id, event_id)
where (organization_id, e.issue_id) = (select (organization_id, issue_id) from events
    where issue_id is not null group by organization_id, issue_id order by count(*) desc, issue_id limit 1)
group by all
order by events desc
limit 10;
