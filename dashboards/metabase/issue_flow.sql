-- Issues in and out, by week: Do we close issues as fast as they come?
-- In: first seen, regressed or reopened. Out: resolved or ignored, drawn below zero. Weeks begin on Monday (UTC); the first and last hold only the chosen days.
with
days as (
    select date_trunc('week', day)::date as week, opened, regressed, reopened, resolved, ignored
    from marts.issue_flow
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
),

weeks as (
    select week, 'new' as change, 1 as place, sum(opened)::bigint as issues from days group by all
    union all
    select week, 'regressed', 2, sum(regressed)::bigint from days group by all
    union all
    select week, 'reopened', 3, sum(reopened)::bigint from days group by all
    union all
    select week, 'resolved', 4, sum(resolved)::bigint from days group by all
    union all
    select week, 'ignored', 5, sum(ignored)::bigint from days group by all
),

-- weeks in which nothing happened keep their place
calendar as (
    select unnest(generate_series(min(week), max(week), interval 7 day))::date as week from days
)

select week, change, place, issues, case when place <= 3 then issues else -issues end as drawn
from weeks
where issues > 0
union all
select week, 'new', 1, 0, 0
from calendar
where week not in (select week from weeks where issues > 0)
order by week, place
