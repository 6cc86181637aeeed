-- How did the last runs end?
select command, as_of, status, requests, rows, finished_at - started_at as took
from meta.runs
order by started_at desc
limit 10;

-- How much does a night ask for?
select started_at::date as night, sum(requests) as requests, sum(bytes) as bytes
from meta.runs
group by all
order by night desc
limit 10;

-- Which runs failed? No rows: all is well.
select run_id, started_at, note
from meta.runs
where status = 'failed'
order by started_at desc;
