-- How many errors came in each day of the last week?
select date_created::date as day, count(*) as events
from events
where date_created >= (select max(as_of) from meta.runs) - interval 7 day
group by all
order by day;

-- Which users met the most errors?
select coalesce(user_id, user_email, user_username, user_ip_address) as who, count(*) as events,
    count(distinct issue_id) as issues
from events
group by who
having who is not null
order by events desc
limit 10;

-- Which release makes the most errors in production?
select release, count(*) as events
from events
where environment = 'production'
group by all
order by events desc
limit 10;
