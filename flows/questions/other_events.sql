-- Which transactions made performance issues lately? Empty where no issue is one of performance.
select i.short_id, e.transaction, e.title, e.date_created
from other_events as e
join issues as i using (organization_id, issue_id)
order by e.date_created desc
limit 10;

-- Of which types are they? Empty where all issues are of errors.
select event_type, count(*) as events, count(distinct issue_id) as issues
from other_events
group by all
order by events desc;

-- Where were their users? Empty where all issues are of errors.
select user_geo_country_code, count(*) as events
from other_events
group by all
order by events desc
limit 10;
