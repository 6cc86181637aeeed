-- One row of marts.completeness that still matters: of plain lists the one checked last (a backfill reads them,
-- too, under a day of the past), of projects those that Sentry still lists, and nothing that exports leave out.
with completeness as (
    select completeness.*
    from {completeness} as completeness
    anti join {left_out} as left_out
        on completeness.organization_id = left_out.organization_id
        and completeness.project_id = left_out.project_id
        and left_out.asked_as = case completeness.table_name
            when 'session_health' then 'sessions'
            when 'issue_details' then 'issues'
            when 'event_details' then 'events'
            else completeness.table_name
        end
),

lists as (
    select
        {table_name} as table_name
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
