-- How much is archived of each stream?
select stream, sum(pages) as pages, sum(bytes) as bytes
from meta.archive
group by all
order by bytes desc;

-- Which files were written last?
select file, written_at
from meta.archive
order by written_at desc
limit 10;

-- How many files has a run?
select run_id, count(*) as files
from meta.archive
group by all
order by files desc
limit 10;
