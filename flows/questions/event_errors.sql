-- What could Sentry not process? No rows: all is well.
select error_type, count(*) as events
from event_errors
group by all
order by events desc;

-- In which projects? No rows: all is well.
select p.slug, e.error_type, count(*) as events
from event_errors as e
join projects as p using (organization_id, project_id)
group by all
order by events desc
limit 10;

-- Since when? Empty where it could process everything.
select error_type, min(date_created) as first_time, max(date_created) as last_time
from event_errors
group by all
order by first_time;
