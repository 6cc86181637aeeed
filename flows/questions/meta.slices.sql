-- What is an unfinished run still to do? Empty while no run is unfinished.
select s.stream, count(*) as slices
from meta.slices as s
join meta.runs as r using (run_id)
where r.status = 'running' and s.state = 'open'
group by all
order by all;

-- Which slices stopped in the middle? Empty while no run is unfinished.
select run_id, slice_id, page_cursor
from meta.slices
where page_cursor is not null
order by all;

-- How many slices had each run?
select run_id, state, count(*) as slices
from meta.slices
group by all
order by run_id desc, state
limit 10;
