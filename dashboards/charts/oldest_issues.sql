-- Which open issues have waited longest and still happen?
-- title: Oldest open issues that still happen
-- page: issues
-- order: 70
-- size: full
-- empty: No open issue had an event in the last 30 days.
-- definition: Open issues with an event in the 30 days before the newest run, by age (since the first event or the
--   last reopening). The twelve oldest are shown.
select
    coalesce(short_id, issue_id) as issue,
    coalesce(title, '') as title,
    project_slug as project,
    age_days,
    coalesce(owner_name, 'nobody') as owner,
    owner_rule,
    priority,
    event_count as events,
    last_seen,
    permalink
from marts.backlog_age
where not is_silent
    and ($organization is null or organization_id = $organization)
    and ($project is null or project_slug = $project)
order by age_days desc nulls last, issue
limit 12
