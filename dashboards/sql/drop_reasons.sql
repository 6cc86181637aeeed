-- Reasons for dropped errors: Why was data dropped?
-- Errors that were not accepted, by outcome and reason, over the chosen days. The twelve largest. An outcome for which Sentry gives no reason stands by its own name.
select
    outcome,
    case when reason in ('', 'none') then outcome else reason end as reason,
    sum(quantity)::bigint as quantity,
    (sum(quantity) / sum(sum(quantity)) over ())::double as share
from marts.outcomes_daily
where day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
    and category = 'error'
    and outcome <> 'accepted'
group by outcome, case when reason in ('', 'none') then outcome else reason end
having sum(quantity) > 0
order by quantity desc, reason
limit 12
