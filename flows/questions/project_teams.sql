-- Which team owns which projects?
select team_slug, string_agg(p.slug, ', ' order by p.slug) as projects
from project_teams as t
join projects as p using (organization_id, project_id)
group by all
order by team_slug;

-- Which projects belong to no team? No rows: all is well.
select p.slug
from projects as p
anti join project_teams as t using (organization_id, project_id)
order by p.slug;

-- Which projects are shared by several teams? Empty where none is.
select p.slug, count(*) as teams
from project_teams as t
join projects as p using (organization_id, project_id)
group by all
having count(*) > 1
order by teams desc;
