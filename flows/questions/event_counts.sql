-- How many events does Sentry count by day?
select day, sum(event_count) as events
from event_counts
group by all
order by day desc
limit 10;

-- On which days do we hold fewer than it counts? No rows: all is well.
select c.day, c.project_id, c.event_count as counted, count(e.event_id) as loaded
from event_counts as c
left join events as e on c.organization_id = e.organization_id and c.project_id = e.project_id
    and e.date_created::date = c.day
group by all
having count(e.event_id) < c.event_count
order by c.day desc
limit 10;

-- Which project has the most?
select p.slug, sum(c.event_count) as events
from event_counts as c
join projects as p using (organization_id, project_id)
group by all
order by events desc
limit 10;
