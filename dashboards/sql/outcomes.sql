-- Errors sent, by outcome: What became of everything we sent?
-- Sentry's own counts of category error by UTC day: accepted, or dropped and how. Other categories have other units and are not added.
select day, outcome, sum(quantity)::bigint as quantity
from marts.outcomes_daily
where day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
    and category = 'error'
group by all
having sum(quantity) > 0
order by day, outcome
