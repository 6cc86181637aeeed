-- One row per organization, project, issue, environment, release and UTC day with an event.
-- materialised: yes
-- key: organization_id, project_id, issue_id, environment, release, day
-- definition: Stored events by the day they happened, as the SDK says (else received). Events without any time
--   are left out.
-- reconcile: select organization_id, project_id, count(*) from events
--   where coalesce(date_created, date_received) is not null group by all
--   except select organization_id, project_id, sum(event_count) from marts.issue_volume group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue; empty where an event names none.
-- environment: Environment; empty where none was sent.
-- release: Version of the release; empty where none was sent.
-- day: The UTC day.
-- event_count: Events; additive.
-- issue_number: Number of the issue in this file, in the order of its id, below 0 where there is none. To group by,
--   which is three times as fast as by the id; another one after each publish; not additive.
with
counted as (
    select
        organization_id,
        project_id,
        coalesce(issue_id, '') as issue_id,
        coalesce(environment, '') as environment,
        coalesce(release, '') as release,
        coalesce(date_created, date_received)::date as day,
        count(*) as event_count
    from events
    where coalesce(date_created, date_received) is not null
    group by all
),

numbered as (
    select
        organization_id,
        issue_id,
        case when issue_id = '' then -1 else 1 end * row_number() over (order by issue_id, organization_id)
            as issue_number
    from (select distinct organization_id, issue_id from counted) as issues
)

select
    counted.organization_id,
    counted.project_id,
    coalesce(project_names.project_slug, counted.project_id) as project_slug,
    counted.issue_id,
    counted.environment,
    counted.release,
    counted.day,
    counted.event_count,
    numbered.issue_number
from counted
inner join numbered
    on counted.organization_id = numbered.organization_id
    and counted.issue_id = numbered.issue_id
left join marts.project_names as project_names
    on counted.organization_id = project_names.organization_id
    and counted.project_id = project_names.project_id
order by counted.day, counted.organization_id, counted.project_id
