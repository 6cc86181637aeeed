-- One row per organization, project, environment, release and UTC hour with an event.
-- materialised: yes
-- key: organization_id, project_id, environment, release, hour_start
-- definition: Stored events by the hour they happened, as the SDK says (else received). Events without any
--   time are left out. Added up by weekday and hour they show the shape of a week.
-- reconcile: select organization_id, project_id, day, sum(event_count) from marts.issue_volume group by all
--   except select organization_id, project_id, day, sum(event_count) from marts.errors_by_hour group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- environment: Environment; empty where none was sent.
-- release: Version of the release; empty where none was sent.
-- hour_start: Start of the hour (UTC).
-- day: Its UTC day.
-- weekday: 1 (Monday) to 7 (Sunday), UTC; not additive.
-- hour: 0 to 23, UTC; not additive.
-- event_count: Events; additive.
with
counted as (
    select
        organization_id,
        project_id,
        coalesce(environment, '') as environment,
        coalesce(release, '') as release,
        date_trunc('hour', coalesce(date_created, date_received)) as hour_start,
        count(*) as event_count
    from events
    where coalesce(date_created, date_received) is not null
    group by all
)

select
    counted.organization_id,
    counted.project_id,
    coalesce(project_names.project_slug, counted.project_id) as project_slug,
    counted.environment,
    counted.release,
    counted.hour_start,
    counted.hour_start::date as day,
    isodow(counted.hour_start) as weekday,
    hour(counted.hour_start) as hour,
    counted.event_count
from counted
left join marts.project_names as project_names
    on counted.organization_id = project_names.organization_id
    and counted.project_id = project_names.project_id
order by counted.hour_start
