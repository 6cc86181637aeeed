-- Up to when is each stream loaded?
select stream, request, min(watermark) as watermark
from meta.cursors
group by all
order by watermark;

-- Which project is furthest behind?
select stream, project_id, watermark
from meta.cursors
where project_id <> ''
order by watermark
limit 10;

-- Which runs moved them?
select run_id, count(*) as cursors
from meta.cursors
group by all
order by cursors desc;
