-- How many issues are in which state?
select status, substatus, count(*) as issues
from issues
where deleted_at is null and merged_into_issue_id is null
group by all
order by issues desc;

-- Which open issues affect the most users?
select short_id, title, user_count, event_count, permalink
from issues
where status = 'unresolved' and deleted_at is null and merged_into_issue_id is null
order by user_count desc
limit 10;

-- Which issues are assigned to nobody, newest first?
select short_id, title, first_seen
from issues
where status = 'unresolved' and assigned_to_id is null
    and deleted_at is null and merged_into_issue_id is null
order by first_seen desc
limit 10;
