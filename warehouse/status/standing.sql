-- One row of marts.completeness that still matters: of plain lists the one checked last (a backfill reads them,
-- too, under a day of the past), of projects those that Sentry still lists.
with completeness as (
    from {completeness}
),

lists as (
    select
        case
            when stream = 'discover' then 'discover_' || request
            when stream = 'issues' and request <> '' then 'issue_details'
            when stream = 'events' and request not in ('', 'audit') then 'event_details'
            else stream
        end as table_name
    from meta.coverage
    group by all
    having bool_and(window_start is null)
),

listed as (
    select
        organization_id,
        project_id
    from projects
    qualify _run_id = max_by(_run_id, _loaded_at) over (partition by organization_id)
)

select *
from completeness
where
    project_id = ''
    or exists (
        select 1
        from listed
        where
            listed.organization_id = completeness.organization_id
            and listed.project_id = completeness.project_id
    )
qualify
    table_name not in (select table_name from lists)
    or day = max_by(day, checked_at) over (partition by organization_id, table_name, project_id)
