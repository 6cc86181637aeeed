-- One row per organization, project and release: the project's errors in the 72 hours before and after it.
-- materialised: yes
-- key: organization_id, project_id, release
-- definition: A release happens when it was released or, where nobody told Sentry, when it was made. Before and
--   after are the 72 hours before the full hour in which that was, and the 72 from it on, all events of the project
--   whatever their release; after ends at the newest run's as_of. New issues are those of the project first seen in
--   the 72 hours after, without merged ones. Of two releases with the same version the newer one counts.
-- reconcile: select organization_id, project_id, version from release_projects
--   semi join releases using (organization_id, release_id)
--   except select organization_id, project_id, release from marts.deploy_impact
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- release: Version of the release.
-- released_at: When it was released, or made (UTC).
-- day: UTC day of the release.
-- hours_after: Hours after it that are known, at most 72; null without a time of release; not additive.
-- is_settled: Whether all 72 hours are over.
-- events_before: Events in the 72 hours before; not additive, windows of releases overlap.
-- events_after: Events in the known hours after; not additive, windows of releases overlap.
-- events_per_hour_before: events_before / 72; not additive.
-- events_per_hour_after: events_after / hours_after; null while no time is over; not additive.
-- change_ratio: events_per_hour_after / events_per_hour_before - 1; null where there were none before,
--   or while no time is over; not additive.
-- new_issues_72h: Issues of the project first seen in the 72 hours after; not additive, windows overlap.
-- new_issues: Issues that Sentry says came with this release, when it was read last (releases); additive.
with
newest_run as (
    select max(as_of) as as_of from meta.runs
),

release_times as (
    select
        release_projects.organization_id,
        release_projects.project_id,
        releases.version as release,
        coalesce(releases.date_released, releases.date_created) as released_at,
        date_trunc('hour', coalesce(releases.date_released, releases.date_created)) as released_hour,
        release_projects.new_groups as new_issues
    from release_projects
    inner join releases using (organization_id, release_id)
    -- a release that was deleted and made again has two ids
    qualify row_number() over (
        partition by release_projects.organization_id, release_projects.project_id, releases.version
        order by released_at desc nulls last, release_projects.release_id desc
    ) = 1
),

-- of the hour in which the run's windows end only what lies within them: single events are known beyond
hours as (
    select organization_id, project_id, hour_start, sum(event_count) as event_count
    from marts.errors_by_hour
    cross join newest_run
    where hour_start < date_trunc('hour', newest_run.as_of)
    group by all
    union all
    select organization_id, project_id, date_trunc('hour', newest_run.as_of), count(*)
    from events
    cross join newest_run
    where coalesce(date_created, date_received) >= date_trunc('hour', newest_run.as_of)
        and coalesce(date_created, date_received) < newest_run.as_of
    group by all
),

events_around as (
    select
        release_times.organization_id,
        release_times.project_id,
        release_times.release,
        sum(hours.event_count) filter (where hours.hour_start < release_times.released_hour) as events_before,
        sum(hours.event_count) filter (where hours.hour_start >= release_times.released_hour) as events_after
    from release_times
    inner join hours
        on release_times.organization_id = hours.organization_id
        and release_times.project_id = hours.project_id
        and hours.hour_start >= release_times.released_hour - interval 72 hour
        and hours.hour_start < release_times.released_hour + interval 72 hour
    group by all
),

issues_after as (
    select
        release_times.organization_id,
        release_times.project_id,
        release_times.release,
        count(*) as new_issues_72h
    from release_times
    inner join issues
        on release_times.organization_id = issues.organization_id
        and release_times.project_id = issues.project_id
        and issues.first_seen >= release_times.released_at
        and issues.first_seen < release_times.released_at + interval 72 hour
    where issues.merged_into_issue_id is null
    group by all
),

measured as (
    select
        release_times.*,
        case
            when release_times.released_hour is not null and newest_run.as_of is not null
                then greatest(
                    least(date_diff('second', release_times.released_hour, newest_run.as_of) / 3600.0, 72.0), 0.0
                )
        end::double as hours_after,
        newest_run.as_of >= release_times.released_hour + interval 72 hour as is_settled,
        coalesce(events_around.events_before, 0)::bigint as events_before,
        coalesce(events_around.events_after, 0)::bigint as events_after,
        coalesce(issues_after.new_issues_72h, 0) as new_issues_72h
    from release_times
    cross join newest_run
    left join events_around using (organization_id, project_id, release)
    left join issues_after using (organization_id, project_id, release)
)

select
    measured.organization_id,
    measured.project_id,
    coalesce(project_names.project_slug, measured.project_id) as project_slug,
    measured.release,
    measured.released_at,
    measured.released_at::date as day,
    measured.hours_after,
    measured.is_settled,
    measured.events_before,
    measured.events_after,
    (measured.events_before / 72.0)::double as events_per_hour_before,
    case when measured.hours_after > 0 then measured.events_after / measured.hours_after end::double
        as events_per_hour_after,
    case
        when measured.hours_after > 0 and measured.events_before > 0
            then (measured.events_after / measured.hours_after) / (measured.events_before / 72.0) - 1
    end::double as change_ratio,
    measured.new_issues_72h,
    measured.new_issues
from measured
left join marts.project_names as project_names
    on measured.organization_id = project_names.organization_id
    and measured.project_id = project_names.project_id
