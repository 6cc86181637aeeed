-- Days that are not complete: What is missing, and why?
-- Rows of marts.completeness in the chosen days whose status is not complete, worst gap first.
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
where completeness.day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
    and completeness.status <> 'complete'
order by completeness.ratio nulls last, completeness.day desc, completeness.table_name, project
limit 25
