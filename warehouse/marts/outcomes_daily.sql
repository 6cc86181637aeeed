-- One row per organization, project, category, outcome, reason and UTC day in which anything was counted.
-- materialised: yes
-- key: organization_id, project_id, category, outcome, reason, day
-- definition: Sentry's own counts of what became of everything sent to it, hourly and daily intervals added up
--   to UTC days. Quantities have the unit of their category: never add up over categories.
-- reconcile: select organization_id, category, sum(quantity), sum(times_seen) from outcomes group by all
--   except select organization_id, category, sum(quantity), sum(times_seen) from marts.outcomes_daily group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- category: Kind of data: error, transaction, session, attachment, …
-- outcome: accepted, filtered, rate_limited, invalid, abuse, client_discard, …
-- reason: Why; `none`, Sentry's own word, or empty where there is no reason.
-- day: The UTC day.
-- quantity: Amount in the category's unit (bytes for attachment and categories that end in _byte, milliseconds for
--   profile_duration and profile_duration_ui, otherwise a count); additive within a category.
-- times_seen: How many times such an outcome was recorded; additive within a category.
with
days as (
    select
        organization_id,
        project_id,
        category,
        outcome,
        reason,
        interval_start::date as day,
        try_cast(sum(quantity) as bigint) as quantity,
        try_cast(sum(times_seen) as bigint) as times_seen
    from outcomes
    group by all
)

select
    days.organization_id,
    days.project_id,
    coalesce(project_names.project_slug, days.project_id) as project_slug,
    days.category,
    days.outcome,
    days.reason,
    days.day,
    days.quantity,
    days.times_seen
from days
left join marts.project_names as project_names
    on days.organization_id = project_names.organization_id
    and days.project_id = project_names.project_id
