-- What is missing, and why?
-- title: Days that are not complete
-- page: data
-- order: 25
-- size: full
-- empty: Every day asked for is complete.
-- definition: Rows of marts.completeness in the chosen days whose status is not complete, worst gap first.
select
    completeness.table_name,
    coalesce(project_names.project_slug, nullif(completeness.project_id, ''), 'organization') as project,
    completeness.day,
    completeness.status,
    completeness.expected,
    completeness.loaded,
    completeness.ratio,
    completeness.reason
from marts.completeness as completeness
left join marts.project_names as project_names
    on completeness.organization_id = project_names.organization_id
    and completeness.project_id = project_names.project_id
where completeness.day between $start and $end
    and completeness.status <> 'complete'
    and ($organization is null or completeness.organization_id = $organization)
    and ($project is null or completeness.project_id = '' or project_names.project_slug = $project)
order by completeness.ratio nulls last, completeness.day desc, completeness.table_name, project
limit 25
