-- One row per issue whose activity is loaded, with the first thing a person did about it, if any.
-- materialised: yes
-- key: organization_id, issue_id
-- definition: Hours from the first event to the first activity that has a user, of whatever type (assigned, note,
--   set_resolved, …). What Sentry does by itself is no response. Merged issues are left out. Take percentiles over
--   these rows.
-- reconcile: select activity.organization_id, activity.issue_id from issue_activity as activity
--   inner join issues using (organization_id, issue_id)
--   where issues.merged_into_issue_id is null
--   except select organization_id, issue_id from marts.time_to_first_response
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue.
-- first_seen: First event (UTC).
-- day: UTC day of the first event.
-- first_response_at: First thing a person did (UTC); null while nobody did anything.
-- hours_to_first_response: Hours between the two, never below 0; null while nobody did; not additive.
-- activity_type: What it was, in Sentry's word.
-- user_id: Who it was.
with
first_responses as (
    select
        organization_id,
        issue_id,
        min(date_created) filter (where user_id is not null) as first_response_at,
        arg_min(activity_type, date_created) filter (where user_id is not null) as activity_type,
        arg_min(user_id, date_created) filter (where user_id is not null) as user_id
    from issue_activity
    group by all
)

select
    issues.organization_id,
    issues.project_id,
    coalesce(project_names.project_slug, issues.project_id) as project_slug,
    issues.issue_id,
    issues.first_seen,
    issues.first_seen::date as day,
    first_responses.first_response_at,
    case
        when issues.first_seen is not null and first_responses.first_response_at is not null
            then greatest(date_diff('second', issues.first_seen, first_responses.first_response_at) / 3600.0, 0.0)
    end::double as hours_to_first_response,
    first_responses.activity_type,
    first_responses.user_id
from first_responses
inner join issues using (organization_id, issue_id)
left join marts.project_names as project_names
    on issues.organization_id = project_names.organization_id
    and issues.project_id = project_names.project_id
where issues.merged_into_issue_id is null
