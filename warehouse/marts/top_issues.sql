-- One row per issue with an event in the 14 days before the newest run: this week against the week before.
-- materialised: yes
-- key: organization_id, issue_id
-- definition: This week = the 7 days before the newest run's as_of, last week = the 7 days before those, both by
--   stored events. Deleted issues stay; events that name no issue are left out.
-- reconcile: select events.organization_id, count(*) from events
--   where events.issue_id is not null and coalesce(events.date_created, events.date_received)
--   >= (select max(as_of) from meta.runs) - interval 14 day
--   and coalesce(events.date_created, events.date_received) < (select max(as_of) from meta.runs) group by all
--   except select organization_id, sum(events_this_week + events_last_week) from marts.top_issues group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue.
-- short_id: Id that people use.
-- title: Title as shown.
-- level: fatal, error, warning, …
-- status: unresolved, resolved, ignored, …
-- owner_name: Owner (marts.ownership); null for a deleted issue.
-- events_this_week: Events in the 7 days before as_of; additive.
-- events_last_week: Events in the 7 days before those; additive.
-- change: events_this_week - events_last_week; additive.
-- change_ratio: events_this_week / events_last_week - 1; null where last week had none;
--   not additive.
-- users_this_week: Distinct users this week; not additive.
-- is_new: Whether its first event was this week.
-- rank_this_week: 1 for the issue with most events of its organization this week; not additive.
-- permalink: Address in Sentry.
with
newest_run as (
    select max(as_of) as as_of from meta.runs
),

recent_events as (
    select
        events.organization_id,
        events.project_id,
        events.issue_id,
        coalesce(events.date_created, events.date_received) >= newest_run.as_of - interval 7 day as is_this_week,
        coalesce(events.user_id, events.user_email, events.user_username, events.user_ip_address) as user_key
    from events
    cross join newest_run
    where events.issue_id is not null
        and coalesce(events.date_created, events.date_received) >= newest_run.as_of - interval 14 day
        and coalesce(events.date_created, events.date_received) < newest_run.as_of
),

weeks as (
    select
        organization_id,
        issue_id,
        any_value(project_id) as project_id,
        count(*) filter (where is_this_week) as events_this_week,
        count(*) filter (where not is_this_week) as events_last_week,
        count(distinct user_key) filter (where is_this_week) as users_this_week
    from recent_events
    group by all
)

select
    weeks.organization_id,
    weeks.project_id,
    coalesce(project_names.project_slug, weeks.project_id) as project_slug,
    weeks.issue_id,
    issues.short_id,
    issues.title,
    issues.level,
    issues.status,
    ownership.owner_name,
    weeks.events_this_week,
    weeks.events_last_week,
    weeks.events_this_week - weeks.events_last_week as change,
    case
        when weeks.events_last_week > 0 then weeks.events_this_week / weeks.events_last_week - 1
    end::double as change_ratio,
    weeks.users_this_week,
    coalesce(issues.first_seen >= newest_run.as_of - interval 7 day, false) as is_new,
    row_number() over (
        partition by weeks.organization_id order by weeks.events_this_week desc, weeks.events_last_week desc,
        weeks.issue_id
    ) as rank_this_week,
    issues.permalink
from weeks
cross join newest_run
left join issues
    on weeks.organization_id = issues.organization_id
    and weeks.issue_id = issues.issue_id
left join marts.ownership as ownership
    on weeks.organization_id = ownership.organization_id
    and weeks.issue_id = ownership.issue_id
left join marts.project_names as project_names
    on weeks.organization_id = project_names.organization_id
    and weeks.project_id = project_names.project_id
