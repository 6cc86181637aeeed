-- What is measured? Empty where no event brought measurements: transactions do, errors seldom.
select name, unit, count(*) as events
from event_measurements
group by all
order by events desc;

-- How fast do pages show something? Empty where no event brought measurements: transactions do, errors seldom.
select name, median(value) as median_value, quantile_cont(value, 0.95) as p95
from event_measurements
where name in ('fcp', 'lcp')
group by all
order by name;

-- How does the largest paint develop by day? Empty where no event brought measurements: transactions do, errors seldom.
select date_created::date as day, median(value) as median_lcp
from event_measurements
where name = 'lcp'
group by all
order by day;
