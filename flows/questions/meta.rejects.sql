-- Which values fitted no column? No rows: all is well.
select table_name, path, reason, count(*) as values_lost
from meta.rejects
group by all
order by values_lost desc
limit 10;

-- What did they look like? Empty where every value fitted.
select table_name, path, value
from meta.rejects
order by rejected_at desc
limit 5;

-- When was one met last? Empty where every value fitted.
select table_name, max(rejected_at) as last_time
from meta.rejects
group by all
order by last_time desc;
