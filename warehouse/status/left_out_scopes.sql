-- One row per project, or organization as a whole, of which exports leave something out: what, and since when.
select
    organization_id,
    organization_slug,
    project_id,
    slugs.project_slug,
    string_agg(asked_as, ', ' order by asked_as) as streams,
    max(last_asked) as last_asked
from {left_out} as left_out
left join {slugs} as slugs using (organization_id, project_id)
group by all
order by all
