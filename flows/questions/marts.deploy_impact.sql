-- After which release did errors rise most?
select release, project_slug, change_ratio
from marts.deploy_impact
where is_settled
order by change_ratio desc nulls last
limit 10;

-- Which releases brought new issues within three days?
select release, project_slug, new_issues_72h
from marts.deploy_impact
order by new_issues_72h desc, release
limit 10;

-- Which releases can not be judged yet? Empty where all are older than 72 hours.
select release, project_slug, hours_after
from marts.deploy_impact
where not is_settled
order by released_at desc;
