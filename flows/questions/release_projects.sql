-- Which project released most often?
select project_slug, count(*) as releases
from release_projects
group by all
order by releases desc
limit 10;

-- Which releases went to several projects? Empty where each went to one.
select version, count(*) as projects
from release_projects
group by all
having count(*) > 1
order by projects desc
limit 10;

-- Which releases send sessions?
select has_health_data, count(*) as releases
from release_projects
group by all
order by releases desc;
