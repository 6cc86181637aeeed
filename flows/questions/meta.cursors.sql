-- Up to when is each stream loaded?
select stream, request, min(watermark) as watermark
from meta.cursors
group by all
order by watermark;

-- Which project lags behind?
select stream, project_id, watermark
from meta.cursors
order by watermark
limit 10;

-- Which run moved it?
select run_id, count(*) as cursors
from meta.cursors
group by all
order by cursors desc;
