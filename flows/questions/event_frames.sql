-- In which of our files do exceptions end most often?
select filename, function, count(*) as times
from (
    select filename, function from event_frames where in_app and not is_raw and stack = 'exception'
    qualify row_number() over (partition by organization_id, event_id, stack_position
        order by frame_position desc) = 1
) as last_frames
group by all
order by times desc, filename, function
limit 10;

-- Which lines of our code stand at the top of stacks?
select filename, line_no, count(distinct event_id) as events
from (
    select event_id, filename, line_no from event_frames where in_app and not is_raw
    qualify row_number() over (partition by organization_id, event_id, stack, stack_position
        order by frame_position desc) = 1
) as last_frames
where line_no is not null
group by all
order by events desc, filename, line_no
limit 10;

-- How deep are the stacks?
select stack, median(frames) as median_frames, max(frames) as most_frames
from (select stack, event_id, count(*) as frames from event_frames group by all) as stacks
group by all
order by stack;
