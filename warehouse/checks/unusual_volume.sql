-- severity: warn
-- Streams whose answers held less than a fifth of what the seven runs before held at the median.
with volumes as (
    select
        r.run_id,
        r.as_of,
        c.stream,
        sum(c.rows) as records
    from meta.coverage as c
    inner join meta.runs as r using (run_id)
    where r.command = 'export' and c.request = ''
    group by all
),

earlier as (
    select
        stream,
        median(records) as usual,
        count(*) as runs
    from (
        select
            *,
            row_number() over (partition by stream order by as_of desc) as age
        from volumes
        where run_id <> $run_id
    ) as numbered
    where age <= 7
    group by stream
)

select
    v.stream,
    v.records,
    e.usual
from volumes as v
inner join earlier as e using (stream)
where v.run_id = $run_id and e.runs >= 3 and e.usual >= 100 and v.records < e.usual / 5
