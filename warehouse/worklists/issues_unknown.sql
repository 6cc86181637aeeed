-- One row per issue that stored events name but no listing ever showed: the search can leave issues out
-- without a word, their own pages do not. Newest first.
select
    organization_id,
    project_id,
    item
from {issues_missing}
where not was_known
order by organization_id, project_id, last_at desc, item
