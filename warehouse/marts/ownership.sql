-- One row per issue, with its owner and the rule that named it.
-- materialised: yes
-- key: organization_id, issue_id
-- definition: The owner is who the issue is assigned to (user or team); else the only team of its project; else
--   the first of the project's teams by short name; else nobody. Deleted and merged issues are left out.
-- reconcile: select organization_id, issue_id from issues where deleted_at is null
--   and merged_into_issue_id is null except select organization_id, issue_id from marts.ownership
-- organization_id: The organization.
-- project_id: The project.
-- project_slug: The project's short name.
-- issue_id: The issue.
-- owner_type: user, team or nobody.
-- owner_id: Id of the user or team; null for nobody.
-- owner_name: Its name; nobody where there is none.
-- rule: assignee, only team of the project, first of the project's teams, or none.
with
teams_of_project as (
    select
        organization_id,
        project_id,
        count(*) as team_count,
        arg_min(team_id, coalesce(team_slug, team_name, team_id)) as team_id,
        min(coalesce(team_slug, team_name, team_id)) as team_name
    from project_teams
    group by all
)

select
    issues.organization_id,
    issues.project_id,
    coalesce(project_names.project_slug, issues.project_id) as project_slug,
    issues.issue_id,
    case
        when issues.assigned_to_id is not null then coalesce(issues.assigned_to_type, 'user')
        when teams_of_project.team_count > 0 then 'team'
        else 'nobody'
    end as owner_type,
    coalesce(issues.assigned_to_id, teams_of_project.team_id) as owner_id,
    case
        when issues.assigned_to_id is not null then coalesce(issues.assigned_to_name, issues.assigned_to_id)
        else coalesce(teams_of_project.team_name, 'nobody')
    end as owner_name,
    case
        when issues.assigned_to_id is not null then 'assignee'
        when teams_of_project.team_count = 1 then 'only team of the project'
        when teams_of_project.team_count > 1 then 'first of the project''s teams'
        else 'none'
    end as rule
from issues
left join teams_of_project
    on issues.organization_id = teams_of_project.organization_id
    and issues.project_id = teams_of_project.project_id
left join marts.project_names as project_names
    on issues.organization_id = project_names.organization_id
    and issues.project_id = project_names.project_id
where issues.deleted_at is null and issues.merged_into_issue_id is null
