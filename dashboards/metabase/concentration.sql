-- How concentrated errors are: Do a few issues make most of the noise?
-- Issues from noisiest to quietest; the line is the share of all stored events of the chosen days that the noisiest issues make together. The first hundred are drawn.
with
volumes as (
    select issue_id, sum(event_count) as events
    from marts.issue_volume
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by organization_id, issue_id
),

ranked as (
    select
        row_number() over noisiest_first as rank,
        events,
        sum(events) over (noisiest_first rows between unbounded preceding and current row) as cumulative,
        sum(events) over () as total,
        count(*) over () as issues
    from volumes
    window noisiest_first as (order by events desc, issue_id)
)

select
    rank,
    events::bigint as events,
    (cumulative / total)::double as share,
    issues
from ranked
where rank <= 100
order by rank
