-- One row per organization, project and UTC day on which an issue was opened, resolved, ignored or came back.
-- materialised: yes
-- key: organization_id, project_id, day
-- definition: opened = issues by the day of their first event; resolved, ignored, regressed (came back by
--   itself) and reopened (by a person or escalation) = changes of state on that day, so an issue may count more
--   than once. Issues merged into another are left out, deleted ones stay.
-- reconcile: select organization_id, project_id, count(*) as issues from issues
--   where merged_into_issue_id is null and first_seen is not null group by all
--   except select organization_id, project_id, sum(opened) from marts.issue_flow group by all
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- day: The UTC day.
-- opened: Issues first seen; additive.
-- resolved: Changes into resolved; additive.
-- ignored: Changes into ignored (archived); additive.
-- regressed: Resolved issues that came back by themselves; additive.
-- reopened: Resolved or ignored issues that a person or an escalation set back to open; additive.
-- net: opened + regressed + reopened - resolved - ignored; below 0 the backlog shrinks; additive.
with
happenings as (
    select organization_id, project_id, first_seen::date as day, 'opened' as change
    from issues
    where merged_into_issue_id is null and first_seen is not null
    union all
    select organization_id, project_id, changed_at::date, change
    from marts.issue_transitions
),

days as (
    select
        organization_id,
        project_id,
        day,
        count(*) filter (where change = 'opened') as opened,
        count(*) filter (where change = 'resolved') as resolved,
        count(*) filter (where change = 'ignored') as ignored,
        count(*) filter (where change = 'regressed') as regressed,
        count(*) filter (where change = 'reopened') as reopened
    from happenings
    group by all
)

select
    days.organization_id,
    days.project_id,
    coalesce(project_names.project_slug, days.project_id) as project_slug,
    days.day,
    days.opened,
    days.resolved,
    days.ignored,
    days.regressed,
    days.reopened,
    days.opened + days.regressed + days.reopened - days.resolved - days.ignored as net
from days
left join marts.project_names as project_names
    on days.organization_id = project_names.organization_id
    and days.project_id = project_names.project_id
