-- Issues resolved in this week, slowest first
select
    coalesce(issues.short_id, issues.issue_id) as issue,
    coalesce(issues.title, '') as title,
    resolutions.project_slug as project,
    resolutions.hours_to_resolve / 24 as days,
    resolutions.resolved_at,
    issues.status,
    issues.permalink
from marts.time_to_resolve as resolutions
inner join issues
    on resolutions.organization_id = issues.organization_id
    and resolutions.issue_id = issues.issue_id
where resolutions.day between $start and $end
    and ($organization is null or resolutions.organization_id = $organization)
    and ($project is null or resolutions.project_slug = $project)
    and ($clicked_week is null or date_trunc('week', resolutions.day)::date = $clicked_week::date)
order by resolutions.hours_to_resolve desc, issue
limit 50
