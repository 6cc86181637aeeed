-- One row per listed issue that got an event since its latest event was last asked for, or never was; open
-- issues first, then by last event. What Sentry answered 404 to is asked for again only after a newer event.
with asked as (
    select *
    from {issues_asked}
    where request = 'latest'
),

-- a rebuilt warehouse knows the bodies, but not what was asked
bodies as (
    select
        organization_id,
        issue_id,
        max(_loaded_at) as loaded_at
    from event_details
    group by all
)

select
    i.organization_id,
    i.project_id,
    i.issue_id as item
from issues as i
left join asked as a using (organization_id, issue_id)
left join bodies as b using (organization_id, issue_id)
where
    i._run_id = $run_id
    and i.last_seen > coalesce(greatest(a.asked_at, b.loaded_at) - interval 10 minute, '-infinity')
order by i.organization_id, i.status <> 'unresolved', i.last_seen desc, i.issue_id
