-- What was released last?
select version, coalesce(date_released, date_created) as released_at, commit_count
from releases
order by released_at desc
limit 10;

-- Which releases brought new issues?
select version, new_groups
from releases
order by new_groups desc
limit 10;

-- How often do we release?
select date_trunc('week', coalesce(date_released, date_created))::date as week, count(*) as releases
from releases
group by all
order by week desc
limit 10;
