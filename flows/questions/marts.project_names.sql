-- Which projects are there, and who owns them?
select project_slug, platform, teams
from marts.project_names
order by project_slug;

-- Which projects has each platform?
select platform, string_agg(project_slug, ', ' order by project_slug) as projects
from marts.project_names
group by all
order by platform;

-- Which belong to no team? No rows: all is well.
select project_slug
from marts.project_names
where teams is null
order by project_slug;
