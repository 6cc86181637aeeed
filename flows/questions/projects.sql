-- Which projects send release health, replays or cron check-ins?
select slug, has_sessions, has_replays, has_monitors
from projects
order by slug;

-- Which platforms do we build on?
select platform, count(*) as projects
from projects
group by all
order by projects desc;

-- Which projects that still exist made no event in the last 30 days? No rows: all is well.
select slug
from projects as p
where not exists (from events as e where e.organization_id = p.organization_id
    and e.project_id = p.project_id
    and e.date_created >= (select max(as_of) from meta.runs) - interval 30 day)
    and (organization_id, _run_id) in (select organization_id, max(_run_id) from projects group by all)
order by slug;
