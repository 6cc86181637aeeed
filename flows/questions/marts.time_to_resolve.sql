-- How long does it take to resolve an issue?
select project_slug, median(hours_to_resolve) / 24 as median_days, quantile_cont(hours_to_resolve,
    0.9) / 24 as p90_days
from marts.time_to_resolve
group by all
order by median_days desc;

-- Are we getting faster?
select date_trunc('month', day)::date as month, median(hours_to_resolve) as median_hours,
    count(*) as resolutions
from marts.time_to_resolve
group by all
order by month desc;

-- How are issues resolved?
select activity_type, count(*) as resolutions
from marts.time_to_resolve
group by all
order by resolutions desc;
