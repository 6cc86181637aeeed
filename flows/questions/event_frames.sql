-- In which of our files do exceptions end most often?
select filename, function, count(*) as times
from event_frames
where in_app
group by all
order by times desc
limit 10;

-- Which lines of our code stand at the top of stacks?
select filename, line_no, count(distinct event_id) as events
from event_frames
where in_app and line_no is not null
group by all
order by events desc
limit 10;

-- How deep are the stacks?
select stack, median(frames) as median_frames, max(frames) as most_frames
from (select stack, event_id, count(*) as frames from event_frames group by all) as stacks
group by all
order by stack;
