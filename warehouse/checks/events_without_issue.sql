-- severity: warn
-- Events that name an issue which is not in the table of issues.
select
    organization_id,
    project_id,
    issue_id,
    count(*) as events
from events
where
    issue_id is not null
    and not exists (
        select 1
        from issues as i
        where i.organization_id = events.organization_id and i.issue_id = events.issue_id
    )
group by all
