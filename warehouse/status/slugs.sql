-- One row per organization and project that was asked for, with the short names they had last.
select
    organization_id,
    project_id,
    arg_max(organization_slug, run_id) as organization_slug,
    arg_max(project_slug, run_id) as project_slug
from meta.slices
group by all
