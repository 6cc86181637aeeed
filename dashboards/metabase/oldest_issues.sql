-- Oldest open issues that still happen: Which open issues have waited longest and still happen?
-- Open issues with an event in the 30 days before the newest run, by age (since the first event or the last reopening). The twelve oldest are shown.
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
    and (null::varchar is null or organization_id = null::varchar)
    and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
order by age_days desc nulls last, issue
limit 12
