-- What became of everything we sent?
-- title: Errors sent, by outcome
-- page: usage
-- order: 20
-- size: wide
-- empty: Nothing of category error was counted in these days.
-- definition: Sentry's own counts of category error by UTC day: accepted, or dropped and how. Other categories have
--   other units and are not added.
select day, outcome, sum(quantity)::bigint as quantity
from marts.outcomes_daily
where day between $start and $end
    and category = 'error'
    and ($organization is null or organization_id = $organization)
    and ($project is null or project_slug = $project)
group by all
having sum(quantity) > 0
order by day, outcome
