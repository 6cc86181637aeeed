-- Days that are not complete: What is missing, and why?
-- Rows of marts.completeness in the chosen days whose status is not complete, days of the same table, project, state and reason together; largest known gap first, at most 40.
select
    completeness.table_name,
    coalesce(nullif(completeness.project_slug, ''), 'organization') as project,
    completeness.status,
    count(*) as days,
    min(completeness.day) as first_day,
    max(completeness.day) as last_day,
    sum(completeness.expected)::bigint as expected,
    (sum(completeness.loaded) filter (where completeness.expected is not null))::bigint as loaded,
    (sum(completeness.loaded) filter (where completeness.expected is not null)
        / nullif(sum(completeness.expected), 0))::double as ratio,
    regexp_replace(completeness.reason, 'Sentry counts \d+, loaded are \d+', 'Sentry counts more than is loaded') as reason
from marts.completeness as completeness
where completeness.day between (select max(as_of)::date - 28 from meta.runs) and (select max(as_of)::date - 1 from meta.runs)
    and completeness.status <> 'complete'
group by all
order by ratio nulls last, days desc, last_day desc, completeness.table_name, project
limit 40
