-- What became of the errors we sent?
select outcome, sum(quantity) as errors
from outcomes
where category = 'error'
group by all
order by errors desc;

-- Why was data dropped?
select category, outcome, reason, sum(quantity) as quantity
from outcomes
where outcome <> 'accepted'
group by all
order by quantity desc
limit 10;

-- In which hour did the most errors come?
select interval_start, sum(quantity) as errors
from outcomes
where category = 'error' and interval_seconds = 3600
group by all
order by errors desc
limit 5;
