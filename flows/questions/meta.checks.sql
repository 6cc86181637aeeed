-- What did the last checks find? No rows: all is well.
select name, severity, offending, examples
from meta.checks
where offending > 0
order by run_id desc, name;

-- What is checked?
select distinct name, severity, meaning
from meta.checks
order by name;

-- How many rows offended, run by run?
select run_id, sum(offending) as offending
from meta.checks
group by all
order by run_id desc
limit 10;
