-- What does Sentry send that we did not expect? No rows: all is well.
select stream, path, kind, found, first_seen
from meta.drift
where kind <> 'gone'
order by first_seen desc
limit 20;

-- What did it stop sending? No rows: all is well.
select stream, path, first_seen, example
from meta.drift
where kind = 'gone'
order by first_seen desc;

-- Which streams changed most? Empty where none did.
select stream, count(*) as fields
from meta.drift
group by all
order by fields desc;
