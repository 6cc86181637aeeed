-- Who may administer the organization?
select name, org_role
from members
where org_role in ('owner', 'manager', 'admin')
    and (organization_id, _run_id) in (select organization_id, max(_run_id) from members group by all)
order by org_role, name;

-- Who was invited and never came? No rows: all is well.
select name, date_created
from members
where pending
    and (organization_id, _run_id) in (select organization_id, max(_run_id) from members group by all)
order by date_created;

-- How many members use two-factor authentication?
select has_2fa, count(*) as members
from members
where (organization_id, _run_id) in (select organization_id, max(_run_id) from members group by all)
group by all
order by all;
