-- Do a few issues make most of the noise?
-- title: How concentrated errors are
-- page: errors
-- order: 15
-- size: wide
-- empty: No error event in these days.
-- definition: Issues from noisiest to quietest; the line is the share of all stored events of the chosen days that
--   the noisiest issues make together. The first hundred are drawn.
with
volumes as materialized (
    select issue_number, sum(event_count) as events
    from marts.issue_volume
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
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
