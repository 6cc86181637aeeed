-- One row per issue with an event in the 28 days up to the newest run, ranked within its project.
-- materialised: yes
-- key: organization_id, project_id, issue_id
-- definition: Share = the issue's part of its project's stored events in the 28 UTC days that end with the day
--   of the newest run's as_of. The cumulative share at rank n is what the n noisiest issues make together.
-- reconcile: select organization_id, project_id from marts.issue_concentration
--   group by all having abs(sum(share_28d) - 1) > 1e-9 or abs(max(cumulative_share_28d) - 1) > 1e-9
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue; empty for events that name none.
-- short_id: Id that people use.
-- title: Title as shown.
-- rank: 1 for the issue with most events of its project; not additive.
-- event_count_28d: Its events in the 28 days; additive.
-- share_28d: Its share of the project's events, 0 to 1; additive within a project.
-- cumulative_share_28d: Share of all issues up to this rank; not additive.
-- permalink: Address in Sentry.
with
newest_run as (
    select max(as_of)::date as as_of_day from meta.runs
),

recent as (
    select
        volume.organization_id,
        volume.project_id,
        volume.project_slug,
        volume.issue_id,
        sum(volume.event_count)::bigint as event_count_28d
    from marts.issue_volume as volume
    cross join newest_run
    where volume.day > newest_run.as_of_day - 28 and volume.day <= newest_run.as_of_day
    group by all
),

ranked as (
    select
        *,
        row_number() over noisiest_first as rank,
        sum(event_count_28d) over (noisiest_first rows between unbounded preceding and current row) as cumulative,
        sum(event_count_28d) over (partition by organization_id, project_id) as project_total
    from recent
    window noisiest_first as (
        partition by organization_id, project_id order by event_count_28d desc, issue_id
    )
)

select
    ranked.organization_id,
    ranked.project_id,
    ranked.project_slug,
    ranked.issue_id,
    issues.short_id,
    issues.title,
    ranked.rank,
    ranked.event_count_28d,
    (ranked.event_count_28d / ranked.project_total)::double as share_28d,
    (ranked.cumulative / ranked.project_total)::double as cumulative_share_28d,
    issues.permalink
from ranked
left join issues
    on ranked.organization_id = issues.organization_id
    and ranked.issue_id = issues.issue_id
