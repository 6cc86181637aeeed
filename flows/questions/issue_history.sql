-- What changed its state since yesterday?
select i.short_id, h.status, h.substatus, h.valid_from
from issue_history as h
join issues as i using (organization_id, issue_id)
where h.valid_from >= (select max(as_of) from meta.runs) - interval 1 day
order by h.valid_from desc
limit 20;

-- How many issues were in which state at one moment, here the end of the last run?
select status, count(*) as issues
from issue_history
where valid_from <= (select max(finished_at) from meta.runs)
    and (valid_to is null or valid_to > (select max(finished_at) from meta.runs))
group by all
order by issues desc;

-- Which issues changed most often?
select i.short_id, count(*) as states
from issue_history as h
join issues as i using (organization_id, issue_id)
group by all
order by states desc, i.short_id
limit 10;
