-- How old is each table?
select table_name, status, age_hours
from marts.freshness
order by age_hours desc;

-- Which tables are late? No rows: all is well.
select table_name, up_to, projects_behind
from marts.freshness
where status in ('stale', 'never')
order by table_name;

-- Up to when can I trust events?
select up_to
from marts.freshness
where table_name = 'events';
