-- One row per project, with the names that the other marts and the dashboards show.
-- key: organization_id, project_id
-- definition: The present short names; projects that were renamed appear under their new name everywhere.
-- reconcile: select organization_id, project_id from projects
--   except select organization_id, project_id from marts.project_names
-- organization_id: The organization.
-- project_id: The project.
-- organization_slug: The organization's short name; its id where that is not loaded.
-- project_slug: The project's short name; its id where it has none.
-- project_name: The project's display name.
-- platform: Main platform of the project.
-- teams: Short names of the teams that own it, by name, divided by commas; null for none.
with
owning_teams as (
    select organization_id, project_id, string_agg(team_slug, ', ' order by team_slug) as teams
    from project_teams
    group by all
)

select
    projects.organization_id,
    projects.project_id,
    coalesce(organizations.slug, projects.organization_id) as organization_slug,
    coalesce(projects.slug, projects.project_id) as project_slug,
    projects.name as project_name,
    projects.platform,
    owning_teams.teams
from projects
left join organizations on projects.organization_id = organizations.organization_id
left join owning_teams
    on projects.organization_id = owning_teams.organization_id
    and projects.project_id = owning_teams.project_id
