-- How concentrated errors are: Do a few issues make most of the noise?
-- Issues from noisiest to quietest; the line is the share of all stored events of the chosen days that the noisiest issues make together. The first hundred are drawn.
with
volumes as materialized (
    select issue_number, sum(event_count) as events
    from marts.issue_volume
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by issue_number
),

totals as (
    select sum(events) as total, count(*) as issues from volumes
),

-- only these are ranked: there may be very many others
noisiest as (
    select issue_number, events
    from volumes
    order by events desc, issue_number
    limit 100
)

select
    row_number() over noisiest_first as rank,
    noisiest.events::bigint as events,
    (
        sum(noisiest.events) over (noisiest_first rows between unbounded preceding and current row) / totals.total
    )::double as share,
    totals.issues
from noisiest
cross join totals
window noisiest_first as (order by noisiest.events desc, noisiest.issue_number)
order by rank
