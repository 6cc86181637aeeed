-- How long does a new issue wait for a person?
select project_slug, median(hours_to_first_response) as median_hours
from marts.time_to_first_response
group by all
order by median_hours desc nulls last;

-- What do people do first?
select activity_type, count(*) as issues
from marts.time_to_first_response
where first_response_at is not null
group by all
order by issues desc;

-- How many did nobody look at?
select count(*) filter (where first_response_at is null) as waiting, count(*) as issues
from marts.time_to_first_response;
