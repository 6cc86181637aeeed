-- One row per query, stream and project (or organization) that exports of the last week left out, though they went to
-- its server: nobody waits for it any more. Servers are exported apart from each other.
with asked as (
    select
        coverage.organization_id,
        case when stream = 'discover' then 'discover_' || request else stream end as asked_as,
        coverage.project_id,
        max(runs.as_of) as last_asked,
        max(runs.as_of) filter (runs.status in ('complete', 'incomplete')) as last_ended,
        any_value(servers.value ->> ('$."' || coverage.organization_id || '".host')) as host
    from meta.coverage as coverage
    inner join meta.runs as runs on coverage.run_id = runs.run_id and runs.command = 'export'
    left join meta.settings as servers on servers.name = 'servers'
    where coverage.request is distinct from 'audit'
    group by all
    having arg_max(coverage.slice_id, coverage.finished_at) not like 'vanished-%' -- that is told apart
)

select
    organization_id,
    asked_as,
    project_id,
    last_asked
from asked
qualify last_asked < max(last_ended) over (partition by host) - interval 7 day
