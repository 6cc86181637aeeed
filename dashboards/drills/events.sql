-- Issues behind these events
with
volumes as (
    select organization_id, issue_id, any_value(project_slug) as project_slug, sum(event_count)::bigint as events
    from marts.issue_volume
    where day between $start and $end
        and issue_id <> ''
        and ($organization is null or organization_id = $organization)
        and ($project is null or project_slug = $project)
        and ($environment is null or environment = $environment)
        and ($release is null or release = $release)
        and ($clicked_day is null or day = $clicked_day::date)
        and ($clicked_project is null or project_slug = $clicked_project)
    group by organization_id, issue_id
    order by events desc, issue_id
    limit 50
)

select
    coalesce(issues.short_id, volumes.issue_id) as issue,
    coalesce(issues.title, 'not loaded') as title,
    volumes.project_slug as project,
    volumes.events,
    issues.status,
    issues.permalink
from volumes
left join issues
    on volumes.organization_id = issues.organization_id
    and volumes.issue_id = issues.issue_id
order by volumes.events desc, volumes.issue_id
