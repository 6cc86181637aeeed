-- Errors sent, by outcome: What became of everything we sent?
-- Sentry's own counts of category error by UTC day: accepted, or dropped and how. Other categories have other units and are not added.
select day, outcome, sum(quantity)::bigint as quantity
from marts.outcomes_daily
where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
    and category = 'error'
    and (null::varchar is null or organization_id = null::varchar)
    and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
group by all
having sum(quantity) > 0
order by day, outcome
