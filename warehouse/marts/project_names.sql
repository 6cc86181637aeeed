-- One row per project, with the names that the other marts and the dashboards show.
-- key: organization_id, project_id
-- definition: The present short names; projects that were renamed appear under their new name everywhere, and those
--   of the same name in two organizations as organization/project.
-- reconcile: select organization_id, project_id from projects
--   except select organization_id, project_id from marts.project_names
-- organization_id: The organization.
-- project_id: The project.
-- organization_slug: The organization's short name; its id where that is not loaded.
-- project_slug: The project's short name, with that of its organization before it where another organization has
--   a project of this name; its id where it has none.
-- project_name: The project's display name.
-- platform: Main platform of the project.
-- teams: Short names of the teams that own it, by name, divided by commas; null for none.
with
owning_teams as (
    select organization_id, project_id, string_agg(team_slug, ', ' order by team_slug) as teams
    from project_teams
    group by all
),

named as (
    select
        projects.organization_id,
        projects.project_id,
        coalesce(organizations.slug, projects.organization_id) as organization_slug,
        coalesce(projects.slug, projects.project_id) as slug,
        projects.name,
        projects.platform
    from projects
    left join organizations on projects.organization_id = organizations.organization_id
)

select
    named.organization_id,
    named.project_id,
    named.organization_slug,
    case
        when min(named.organization_id) over same_name <> max(named.organization_id) over same_name
            then named.organization_slug || '/' || named.slug
        else named.slug
    end as project_slug,
    named.name as project_name,
    named.platform,
    owning_teams.teams
from named
left join owning_teams
    on named.organization_id = owning_teams.organization_id
    and named.project_id = owning_teams.project_id
window same_name as (partition by named.slug)
