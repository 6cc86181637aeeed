-- Which organizations are here, and since when does Sentry know them?
select name, slug, date_created
from organizations
order by name;

-- How many projects and issues has each?
select o.name, count(distinct p.project_id) as projects, count(distinct i.issue_id) as issues
from organizations as o
left join projects as p using (organization_id)
left join issues as i using (organization_id)
group by all
order by all;

-- Do they require a second factor?
select name, require_2fa, has_auth_provider
from organizations
order by name;
