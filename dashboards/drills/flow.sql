-- Issues behind this change
with
happenings as (
    select organization_id, project_id, issue_id, first_seen as happened_at, 'new' as change
    from issues
    where merged_into_issue_id is null
    union all
    select organization_id, project_id, issue_id, changed_at, change
    from marts.issue_transitions
)

select
    coalesce(issues.short_id, issues.issue_id) as issue,
    coalesce(issues.title, '') as title,
    coalesce(project_names.project_slug, happenings.project_id) as project,
    happenings.happened_at,
    issues.event_count as events,
    issues.status,
    issues.permalink
from happenings
inner join issues
    on happenings.organization_id = issues.organization_id
    and happenings.issue_id = issues.issue_id
left join marts.project_names as project_names
    on happenings.organization_id = project_names.organization_id
    and happenings.project_id = project_names.project_id
where happenings.happened_at::date between $start and $end
    and ($organization is null or happenings.organization_id = $organization)
    and ($project is null or project_names.project_slug = $project)
    and ($clicked_change is null or happenings.change = $clicked_change)
    and ($clicked_week is null or date_trunc('week', happenings.happened_at)::date = $clicked_week::date)
order by happenings.happened_at, issue
limit 50
