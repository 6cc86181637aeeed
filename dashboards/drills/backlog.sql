-- Open issues of this owner and age
select
    coalesce(short_id, issue_id) as issue,
    coalesce(title, '') as title,
    project_slug as project,
    age_days,
    event_count as events,
    last_seen,
    permalink
from marts.backlog_age
where ($organization is null or organization_id = $organization)
    and ($project is null or project_slug = $project)
    and ($clicked_owner is null or owner_name = $clicked_owner)
    and ($clicked_age_bucket is null or age_bucket = $clicked_age_bucket)
order by age_days desc nulls last, issue
limit 50
