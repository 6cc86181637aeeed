-- What is a run still to do? Empty while no run is unfinished.
select stream, state, count(*) as slices
from meta.slices
group by all
order by all;

-- Which slices stopped in the middle? Empty while no run is unfinished.
select run_id, slice_id, page_cursor
from meta.slices
where page_cursor is not null
order by all;

-- How many slices has the unfinished run left? Empty while no run is unfinished.
select run_id, count(*) as slices
from meta.slices
group by all
order by run_id;
