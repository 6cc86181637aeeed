-- One row per query, stream and project (or organization) that exports asked for: when they did last, and whether they
-- went on for a week without it, so that nobody waits for it any more. Servers are exported apart from each other.
with exports as (
    select
        coverage.organization_id,
        case when stream = 'discover' then 'discover_' || request else stream end as asked_as,
        coalesce(coverage.project_id, '') as project_id,
        coalesce(servers.value ->> ('$."' || coverage.organization_id || '".host'), '') as host,
        coverage.slice_id like 'vanished-%' as has_vanished,
        runs.as_of,
        runs.status in ('complete', 'incomplete') as has_ended
    from meta.coverage as coverage
    inner join meta.runs as runs on coverage.run_id = runs.run_id and runs.command = 'export'
    left join meta.settings as servers on servers.name = 'servers'
    where
        coverage.request is distinct from 'audit'
        -- a project that was out of sight is asked for by itself once
        and (coverage.stream <> 'discover' or coalesce(coverage.project_id, '') = '')
),

ended as (
    select distinct
        host,
        as_of,
        max(as_of) over (partition by host) as newest
    from exports
    where has_ended
),

scopes as (
    select
        organization_id,
        asked_as,
        project_id,
        host,
        max(as_of) as last_asked,
        arg_max(has_vanished, as_of) as has_vanished
    from exports
    group by all
)

select
    organization_id,
    asked_as,
    project_id,
    last_asked,
    has_vanished,
    exists (
        from ended
        where
            ended.host = scopes.host
            and ended.as_of > scopes.last_asked
            and ended.as_of <= ended.newest - interval 7 day
    ) as is_left_out
from scopes
