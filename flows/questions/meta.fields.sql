-- Which fields come with some records only?
select stream, request, path, round(100.0 * present / records, 1) as percent
from meta.fields
where present < records
order by percent
limit 20;

-- Which did not come in the last runs that could have brought them? No rows: all is well.
select stream, request, path, absent_runs, absent_since
from meta.fields
where absent_runs > 0
order by absent_runs desc, path;

-- How many fields of each request are watched?
select stream, request, count(*) as fields, max(last_seen) as last_seen
from meta.fields
group by all
order by stream, request;
