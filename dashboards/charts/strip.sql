-- Is the data fresh and complete?
-- title: Data
-- page: every
-- order: 1
-- definition: Fresh: loaded up to at most 36 hours before the newest run. Complete: every slice of the day came
--   in whole and, where Sentry can be asked for a count, nothing is missing. Events are those of the table events alone.
with
tables as (
    select
        max(as_of) as as_of,
        count(*) filter (where status <> 'left out') as tables,
        count(*) filter (where status = 'fresh') as fresh_tables,
        string_agg(table_name, ', ' order by table_name) filter (where status not in ('fresh', 'left out'))
            as late_tables
    from marts.freshness
    where $organization is null or organization_id = $organization
),

days as (
    select
        count(*) as days,
        count(*) filter (where completeness.status = 'complete') as complete_days,
        -- queries count the same events once more
        sum(completeness.expected) filter (where completeness.table_name = 'events') as expected,
        sum(least(completeness.loaded, completeness.expected)) filter (where completeness.table_name = 'events')
            as loaded
    from marts.completeness as completeness
    where completeness.day between $start and $end
        and ($organization is null or completeness.organization_id = $organization)
        and ($project is null or completeness.project_id = '' or completeness.project_slug = $project)
)

select
    tables.as_of,
    tables.tables,
    tables.fresh_tables,
    tables.late_tables,
    days.days,
    days.complete_days,
    days.expected::bigint as expected,
    days.loaded::bigint as loaded
from tables
cross join days
