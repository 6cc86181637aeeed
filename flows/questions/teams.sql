-- How large are the teams?
select slug, member_count
from teams
order by member_count desc;

-- How many projects does each team own?
select t.slug, count(p.project_id) as projects
from teams as t
left join project_teams as p using (organization_id, team_id)
group by all
order by projects desc, t.slug;

-- How many open issues are in each team's projects?
select t.slug, count(*) as open_issues
from teams as t
join project_teams as p using (organization_id, team_id)
join issues as i on i.organization_id = p.organization_id and i.project_id = p.project_id
where i.status = 'unresolved' and i.deleted_at is null and i.merged_into_issue_id is null
group by all
order by open_issues desc;
