-- How free of crashes was each day?
select day, 1 - sum(crashed_session_count) / nullif(sum(session_count), 0) as crash_free
from marts.release_health
group by all
order by day desc
limit 10;

-- Which release is the worst, of those with many sessions?
select project_slug, release, 1 - sum(crashed_session_count) / nullif(sum(session_count), 0) as crash_free
from marts.release_health
group by all
having sum(session_count) >= 100
order by crash_free
limit 10;

-- How many user-days had a crash?
select project_slug, sum(daily_crashed_user_count) as crashed_user_days, sum(daily_user_count) as user_days
from marts.release_health
group by all
order by crashed_user_days desc;
