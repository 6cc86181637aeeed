-- One row per stream of a run: requests, slices, records, and seconds from its first slice to its last.
select
    trim(stream || ' ' || request) as stream,
    sum(requests)::bigint as requests,
    count(*) as slices,
    sum(rows)::bigint as records,
    epoch(max(finished_at) - min(started_at)) as seconds
from meta.coverage
where run_id = ? and request <> 'audit'
group by all
order by requests desc
