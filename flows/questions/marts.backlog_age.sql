-- Who has the oldest open issues?
select owner_name, count(*) as issues, median(age_days) as median_age_days
from marts.backlog_age
group by all
order by median_age_days desc
limit 10;

-- How old is the backlog?
select age_bucket, count(*) as issues
from marts.backlog_age
group by age_bucket, age_bucket_number
order by age_bucket_number;

-- Which open issues went silent and could be closed? No rows: all is well.
select short_id, title, last_seen
from marts.backlog_age
where is_silent
order by last_seen
limit 10;
