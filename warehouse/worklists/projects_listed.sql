-- One row per complete list of projects in this run that lacks some which Sentry counts events of, and which no list
-- ever showed: how many there are by that, and how many were listed.
select
    c.slice_id,
    c.rows + count(distinct n.project_id) as expected,
    c.rows as loaded
from meta.coverage as c
inner join event_counts as n on n.organization_id = c.organization_id and n._run_id = c.run_id
anti join projects as p on p.organization_id = n.organization_id and p.project_id = n.project_id
where c.run_id = $run_id and c.stream = 'projects' and c.request = '' and c.status = 'complete'
group by c.slice_id, c.rows
