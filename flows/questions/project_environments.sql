-- Which environments exist, and in how many projects?
select environment, count(*) as projects
from project_environments
group by all
order by projects desc;

-- Which environments of a project sent no event? No rows: all is well.
select p.slug, x.environment
from project_environments as x
join projects as p using (organization_id, project_id)
where not exists (from events as e where e.organization_id = x.organization_id
    and e.project_id = x.project_id and coalesce(e.environment, '') = x.environment)
order by all;

-- How many environments has each project?
select p.slug, count(*) as environments
from project_environments as x
join projects as p using (organization_id, project_id)
group by all
order by environments desc, p.slug;
