-- One row per resolution of an issue; an issue that came back and was resolved again has several.
-- materialised: yes
-- key: organization_id, issue_id, resolution
-- definition: Hours from the first event, or from the last reopening, to the resolution. Take medians and
--   percentiles over these rows; medians of medians mean nothing.
-- reconcile: select organization_id, project_id, sum(resolved) from marts.issue_flow
--   group by all having sum(resolved) > 0
--   except select organization_id, project_id, count(*) from marts.time_to_resolve group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue.
-- resolution: 1 for the first resolution of the issue, 2 for the next, …; not additive.
-- opened_at: First event, or last reopening, before it (UTC).
-- resolved_at: When it was resolved (UTC).
-- day: UTC day of the resolution.
-- hours_to_resolve: Hours between the two, never below 0; null where opened_at is; not additive.
-- activity_type: How, in Sentry's word: set_resolved, set_resolved_in_release, …
-- user_id: Who did it; null for Sentry itself.
-- source: activity (exact) or history (seen by the next nightly export).
-- short_id: Id that people use.
-- title: Title as shown.
select
    resolutions.organization_id,
    resolutions.project_id,
    coalesce(project_names.project_slug, resolutions.project_id) as project_slug,
    resolutions.issue_id,
    row_number() over (
        partition by resolutions.organization_id, resolutions.issue_id order by resolutions.changed_at
    ) as resolution,
    resolutions.opened_at,
    resolutions.changed_at as resolved_at,
    resolutions.changed_at::date as day,
    case
        when resolutions.opened_at is not null
            then greatest(date_diff('second', resolutions.opened_at, resolutions.changed_at) / 3600.0, 0.0)
    end::double as hours_to_resolve,
    resolutions.activity_type,
    resolutions.user_id,
    resolutions.source,
    resolutions.short_id,
    resolutions.title
from marts.issue_transitions as resolutions
left join marts.project_names as project_names
    on resolutions.organization_id = project_names.organization_id
    and resolutions.project_id = project_names.project_id
where resolutions.to_state = 'resolved'
