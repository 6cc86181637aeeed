-- One row per listed issue whose own page was never read, or that changed since: its activity is asked for. So it is
-- where the page told another status than the list: what changed between the two may have been taken back since.
-- A full audit asks for all of them, those that were read longest ago first.
select
    i.organization_id,
    i.project_id,
    i.issue_id as item
from issues as i
left join issue_details as d using (organization_id, issue_id)
where
    i._run_id = $run_id
    and (
        $everything
        or d.issue_id is null
        or d.num_comments is distinct from i.num_comments
        or d.status <> i.status
        or exists (
            from issue_history as h
            where
                h.organization_id = i.organization_id
                and h.issue_id = i.issue_id
                and h.valid_from > d._loaded_at
        )
    )
order by i.organization_id, date_trunc('day', d._loaded_at) nulls first, i.project_id, i.last_seen desc, i.issue_id
