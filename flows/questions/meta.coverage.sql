-- What could not be completed? No rows: all is well.
select stream, project_id, window_start, status, reason
from meta.coverage
where status not in ('complete', 'sampled')
order by finished_at desc
limit 20;

-- What costs the most requests?
select stream, request, sum(requests) as requests, sum(bytes) as bytes
from meta.coverage
group by all
order by requests desc;

-- Which slices loaded less than Sentry counts? No rows: all is well.
select stream, project_id, window_start, expected, loaded
from meta.coverage
where expected > loaded
order by expected - loaded desc
limit 10;
