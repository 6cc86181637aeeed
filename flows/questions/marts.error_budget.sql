-- How much of its budget has each project left?
select project_slug, environment, budget_left_28d
from marts.error_budget
qualify row_number() over (partition by organization_id, project_id, environment order by day desc) = 1
order by budget_left_28d
limit 10;

-- When was a budget overspent? No rows: all is well.
select day, project_slug, environment, budget_left_28d
from marts.error_budget
where budget_left_28d < 0
order by day desc
limit 10;

-- What is the objective?
select distinct objective
from marts.error_budget;
