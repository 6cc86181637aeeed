-- How many sessions run the newest release?
select day, sum(session_count) filter (where release_age = 'newest') / sum(session_count) as share
from marts.release_adoption
group by all
order by day desc
limit 10;

-- Which old releases are still in use? No rows: all is well.
select release, sum(session_count) as sessions
from marts.release_adoption
where release_age = 'older'
group by all
order by sessions desc
limit 10;

-- How fast was each release taken up?
select release, project_slug, max(share_of_day) as highest_share
from marts.release_adoption
group by all
order by highest_share desc
limit 10;
