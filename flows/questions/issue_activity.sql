-- Who resolved most issues?
select coalesce(user_name, user_id, 'Sentry itself') as who, count(*) as resolved
from issue_activity
where activity_type like 'set_resolved%'
group by all
order by resolved desc
limit 10;

-- What happens to issues, and how often?
select activity_type, count(*) as times, max(date_created) as last_time
from issue_activity
group by all
order by times desc;

-- What is the story of the issue with most activity?
select date_created, activity_type, user_name
from issue_activity
where (organization_id, issue_id) = (select (organization_id, issue_id) from issue_activity
    group by organization_id, issue_id order by count(*) desc, issue_id limit 1)
order by date_created;
