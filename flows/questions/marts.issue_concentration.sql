-- How few issues make half of a project's errors?
select project_slug, min(rank) as issues
from marts.issue_concentration
where cumulative_share_28d >= 0.5
group by all
order by issues;

-- Which issue makes the most noise in each project?
select project_slug, short_id, title, share_28d
from marts.issue_concentration
where rank = 1
order by share_28d desc;

-- What would be gone if the three noisiest were fixed?
select project_slug, max(cumulative_share_28d) as share
from marts.issue_concentration
where rank <= 3
group by all
order by share desc;
