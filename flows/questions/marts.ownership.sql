-- Who owns how many issues, and by which rule?
select owner_name, rule, count(*) as issues
from marts.ownership
group by all
order by issues desc
limit 10;

-- How are issues given to people and teams?
select owner_type, count(*) as issues
from marts.ownership
group by all
order by issues desc;

-- What does nobody own? No rows: all is well.
select project_slug, count(*) as issues
from marts.ownership
where owner_type = 'nobody'
group by all
order by issues desc;
