-- Who may administer the organization?
select name, org_role
from members
where org_role in ('owner', 'manager', 'admin')
order by org_role, name;

-- Who was invited and never came? No rows: all is well.
select name, date_created
from members
where pending
order by date_created;

-- How many members have a second factor?
select has_2fa, count(*) as members
from members
group by all
order by all;
