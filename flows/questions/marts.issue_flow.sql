-- Do we close as many as come, week by week?
select date_trunc('week', day)::date as week, sum(opened) as opened, sum(regressed) as regressed,
    sum(reopened) as reopened, sum(resolved) as resolved, sum(ignored) as ignored, sum(net) as net
from marts.issue_flow
group by all
order by week desc
limit 10;

-- Which project's backlog grows?
select project_slug, sum(net) as net
from marts.issue_flow
where day >= (select max(as_of)::date from meta.runs) - 28
group by all
order by net desc;

-- How many resolved issues came back?
select project_slug, sum(regressed) as regressed, sum(resolved) as resolved
from marts.issue_flow
group by all
order by regressed desc;
