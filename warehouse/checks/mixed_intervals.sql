-- severity: fail
-- Days of outcomes with both hourly and daily rows, and so would be counted twice.
select
    organization_id,
    project_id,
    date_trunc('day', interval_start) as day
from outcomes
group by all
having count(distinct interval_seconds) > 1
