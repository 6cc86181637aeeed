-- Which issues are loudest this week?
select short_id, title, events_this_week, events_last_week
from marts.top_issues
order by rank_this_week
limit 10;

-- Which are new this week? Empty where none is.
select short_id, title, events_this_week
from marts.top_issues
where is_new
order by events_this_week desc
limit 10;

-- Which grew the most?
select short_id, title, change
from marts.top_issues
order by change desc
limit 10;
