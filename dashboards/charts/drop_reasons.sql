-- Why was data dropped?
-- title: Reasons for dropped errors
-- page: usage
-- order: 30
-- size: wide
-- empty: No error was dropped in these days.
-- definition: Errors that were not accepted, by outcome and reason, over the chosen days. The twelve largest. An
--   outcome for which Sentry gives no reason stands by its own name.
select
    outcome,
    case when reason in ('', 'none') then outcome else reason end as reason,
    sum(quantity)::bigint as quantity,
    (sum(quantity) / sum(sum(quantity)) over ())::double as share
from marts.outcomes_daily
where day between $start and $end
    and category = 'error'
    and outcome <> 'accepted'
    and ($organization is null or organization_id = $organization)
    and ($project is null or project_slug = $project)
group by outcome, case when reason in ('', 'none') then outcome else reason end
having sum(quantity) > 0
order by quantity desc, reason
limit 12
