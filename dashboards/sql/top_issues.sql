-- Top issues: Which issues hurt most, and which are new?
-- Issues by stored events in the chosen days, beside the same number of days before. New: first event in the chosen days.
with
volumes as (
    select
        organization_id,
        project_slug,
        issue_id,
        coalesce(sum(event_count) filter (where day >= (select max(as_of)::date - 28 from meta.runs)), 0)::bigint as events,
        coalesce(sum(event_count) filter (where day < (select max(as_of)::date - 28 from meta.runs)), 0)::bigint as before
    from marts.issue_volume
    where day between (select max(as_of)::date - 56 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
        and issue_id <> ''
    group by all
)

select
    coalesce(issues.short_id, volumes.issue_id) as issue,
    coalesce(issues.title, 'not loaded') as title,
    volumes.project_slug as project,
    issues.level,
    issues.status,
    coalesce(ownership.owner_name, 'nobody') as owner,
    volumes.events,
    volumes.before,
    case when volumes.before > 0 then volumes.events / volumes.before - 1 end::double as change,
    issues.user_count as users,
    coalesce(issues.first_seen::date >= (select max(as_of)::date - 28 from meta.runs), false) as is_new,
    issues.permalink
from volumes
left join issues
    on volumes.organization_id = issues.organization_id
    and volumes.issue_id = issues.issue_id
left join marts.ownership as ownership
    on volumes.organization_id = ownership.organization_id
    and volumes.issue_id = ownership.issue_id
where volumes.events > 0
order by volumes.events desc, issue
limit 15
