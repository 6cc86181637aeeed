-- Do a few issues make most of the noise?
-- title: How concentrated errors are
-- page: errors
-- order: 15
-- size: wide
-- empty: No error event in these days.
-- definition: Issues from noisiest to quietest; the line is the share of all stored events of the chosen days that
--   the noisiest issues make together. The first hundred are drawn.
with
volumes as (
    select issue_id, sum(event_count) as events
    from marts.issue_volume
    where day between $start and $end
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
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
