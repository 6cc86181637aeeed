-- Which SDK versions are in use?
select sdk_name, sdk_version, count(*) as events
from event_details
group by all
order by events desc
limit 10;

-- How large are events?
select count(*) as events, median(size) as median_bytes, max(size) as largest_bytes
from event_details;

-- How are events put into issues?
select fingerprints::varchar as fingerprint, count(*) as events
from event_details
group by all
order by events desc
limit 10;
