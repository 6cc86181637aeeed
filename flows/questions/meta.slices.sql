-- What is a run still to do? None is well.
select stream, state, count(*) as slices
from meta.slices
group by all
order by all;

-- Which slices stopped in the middle? None is well.
select run_id, slice_id, page_cursor
from meta.slices
where page_cursor is not null
order by all;

-- How many slices has the unfinished run left? None is well.
select run_id, count(*) as slices
from meta.slices
group by all
order by run_id;
