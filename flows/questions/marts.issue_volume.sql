-- When did one issue happen?
select day, sum(event_count) as events
from marts.issue_volume
where (organization_id, issue_id) = (select max_by((organization_id, issue_id), event_count)
    from marts.issue_volume where issue_id <> '')
group by all
order by day;

-- Which issues happen in production only?
select issue_id, sum(event_count) as events
from marts.issue_volume
where issue_id <> ''
group by organization_id, issue_id
having bool_and(environment = 'production')
order by events desc
limit 10;

-- In how many releases did each issue happen?
select issue_id, count(distinct release) as releases
from marts.issue_volume
where issue_id <> ''
group by all
order by releases desc, issue_id
limit 10;
