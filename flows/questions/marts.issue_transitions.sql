-- What was resolved last?
select short_id, title, changed_at, activity_type
from marts.issue_transitions
where to_state = 'resolved'
order by changed_at desc
limit 10;

-- Which issues came back most often?
select short_id, title, count(*) filter (where change = 'regressed') as times
from marts.issue_transitions
group by all
order by times desc, short_id
limit 10;

-- How do we know of the changes?
select source, change, count(*) as changes
from marts.issue_transitions
group by all
order by changes desc;
