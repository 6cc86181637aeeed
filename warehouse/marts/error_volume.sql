-- One row per organization, project, environment, release, level and UTC day with an event.
-- materialised: yes
-- key: organization_id, project_id, environment, release, level, day
-- definition: Stored events by the day they happened, as the SDK says (else received). Events without any time
--   are left out. A user is the first of id, e-mail, username and IP address that an event names.
-- reconcile: select organization_id, project_id, day, sum(event_count) from marts.issue_volume group by all
--   except select organization_id, project_id, day, sum(event_count) from marts.error_volume group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- environment: Environment; empty where none was sent.
-- release: Version of the release; empty where none was sent.
-- level: Severity; empty where none was sent.
-- day: The UTC day.
-- event_count: Events; additive.
-- daily_user_count: Distinct users in this row's events; not additive.
with
counted as (
    select
        organization_id,
        project_id,
        coalesce(environment, '') as environment,
        coalesce(release, '') as release,
        coalesce(level, '') as level,
        coalesce(date_created, date_received)::date as day,
        count(*) as event_count,
        count(distinct coalesce(user_id, user_email, user_username, user_ip_address)) as daily_user_count
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
    counted.level,
    counted.day,
    counted.event_count,
    counted.daily_user_count
from counted
left join marts.project_names as project_names
    on counted.organization_id = project_names.organization_id
    and counted.project_id = project_names.project_id
order by counted.day, counted.organization_id, counted.project_id
