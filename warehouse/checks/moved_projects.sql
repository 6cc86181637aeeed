-- severity: warn
-- Projects that another organization had before: what was read of them stands under both, so look at one at a time.
select
    new.organization_id,
    new.project_id,
    new.slug,
    old.organization_id as before
from projects as new
inner join projects as old using (project_id, date_created)
where
    new._run_id = $run_id
    and old._loaded_at < new._loaded_at
    and old.organization_id <> new.organization_id
    -- it is said once
    and exists (from events as e where e.organization_id = old.organization_id and e.project_id = new.project_id)
    and not exists (
        from events as e
        where
            e.organization_id = new.organization_id
            and e.project_id = new.project_id
            and e._run_id <> $run_id
    )
