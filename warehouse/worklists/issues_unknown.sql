-- One row per issue that stored events name but no listing ever showed: the search can leave issues out
-- without a word, their own pages do not. Newest first.
select
    e.organization_id,
    e.project_id,
    e.issue_id as item
from events as e
inner join meta.coverage as c
    on
        c.run_id = $run_id
        and c.stream = 'issues'
        and c.request = ''
        and c.status = 'complete'
        and c.organization_id = e.organization_id
        and c.project_id = e.project_id
where
    e.issue_id is not null
    and e.date_created >= c.window_start
    and e.date_created < c.window_end
    and not exists (
        select 1
        from issues as i
        where i.organization_id = e.organization_id and i.issue_id = e.issue_id
    )
group by all
order by e.organization_id, e.project_id, max(e.date_created) desc, e.issue_id
