-- Which endpoints will Sentry withdraw? No rows: all is well.
select path, date, replacement
from meta.deprecations
order by date;

-- Which has a replacement? Empty where nothing is withdrawn, or nothing replaces it.
select path, replacement
from meta.deprecations
where replacement is not null
order by path;

-- When were we told? Empty where nothing is withdrawn.
select path, first_seen, last_seen
from meta.deprecations
order by first_seen desc;
