-- severity: warn
-- Issues whose lifetime count of events fell since the file published last; it only grows, until an unmerge.
select
    i.organization_id,
    i.issue_id,
    b.event_count as before,
    i.event_count as now
from issues as i
inner join before.main.issues as b using (organization_id, issue_id)
where i.event_count < b.event_count
