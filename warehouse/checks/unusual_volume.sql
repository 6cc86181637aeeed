-- severity: warn
-- Streams of an organization whose answers held less than a fifth of the median of their seven runs before.
with volumes as (
    select
        r.run_id,
        r.as_of,
        c.organization_id,
        c.stream,
        sum(c.rows) as records
    from meta.coverage as c
    inner join meta.runs as r using (run_id)
    where r.command = 'export' and c.request = ''
    group by all
),

earlier as (
    select
        organization_id,
        stream,
        median(records) as usual,
        count(*) as runs
    from (
        select
            *,
            row_number() over (partition by organization_id, stream order by as_of desc) as age
        from volumes
        where run_id <> $run_id
    ) as numbered
    where age <= 7
    group by organization_id, stream
)

select
    v.organization_id,
    v.stream,
    v.records,
    e.usual
from volumes as v
inner join earlier as e using (organization_id, stream)
where v.run_id = $run_id and e.runs >= 3 and e.usual >= 100 and v.records < e.usual / 5
