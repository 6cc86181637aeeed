-- Which days are proven complete?
-- title: Completeness by table and day
-- page: data
-- order: 20
-- size: full
-- empty: No slice asked for any of these days.
-- definition: The state of a table on a UTC day: complete if it is for every project, some projects if it is for some
--   (worst is the worst state among the others, share how many of the projects are complete), otherwise the worst
--   state. Complete: every slice came in whole and, where Sentry can be asked for a count, nothing is missing.
with
chosen as (
    select
        completeness.table_name,
        completeness.day,
        completeness.status,
        list_position(
            ['complete', 'sampled', 'partial', 'capped', 'gone', 'forbidden', 'failed'], completeness.status
        ) as badness,
        completeness.expected,
        completeness.loaded
    from marts.completeness as completeness
    where completeness.day between $start and $end
        and ($organization is null or completeness.organization_id = $organization)
        and ($project is null or completeness.project_id = '' or completeness.project_slug = $project)
),

days as (
    select
        table_name,
        day,
        arg_max(status, coalesce(badness, 7)) as worst,
        count(*) filter (where status = 'complete') as complete_scopes,
        count(*) as scopes,
        sum(expected)::bigint as expected,
        sum(loaded) filter (where expected is not null)::bigint as loaded
    from chosen
    group by all
)

select
    table_name,
    day,
    case when complete_scopes between 1 and scopes - 1 then 'some projects' else worst end as status,
    complete_scopes,
    scopes,
    expected,
    loaded,
    worst,
    complete_scopes / scopes as share
from days
order by table_name, day
