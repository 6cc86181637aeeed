-- Which days are not complete, and why? No rows: all is well.
select table_name, project_slug, day, status, reason
from marts.completeness
where status <> 'complete'
order by day desc
limit 20;

-- How complete is each table?
select table_name, count(*) as days, count(*) filter (where status = 'complete') as complete_days
from marts.completeness
group by all
order by table_name;

-- How many events of each day do we hold, of those Sentry counts?
select day, sum(loaded) / nullif(sum(expected), 0) as share
from marts.completeness
where table_name = 'events'
group by all
order by day desc
limit 10;
