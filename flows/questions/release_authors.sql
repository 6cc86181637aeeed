-- Who took part in most releases? Empty where releases came without commits.
select name, count(*) as releases
from release_authors
group by all
order by releases desc
limit 10;

-- Who worked on the newest release? Empty where releases came without commits.
select a.version, a.name
from release_authors as a
join releases as r using (organization_id, release_id)
order by r.date_created desc, a.position
limit 10;

-- Which releases had many authors? Empty where releases came without commits.
select version, count(*) as authors
from release_authors
group by all
order by authors desc
limit 10;
