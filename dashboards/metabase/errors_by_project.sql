-- Error events by project: Which projects make the errors, and when?
-- Stored error events by UTC day. The seven projects with most events of the period have their own colour, the rest is one.
with
chosen as (
    select project_slug, day, sum(event_count) as event_count
    from marts.error_volume
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by all
),

ranked as (
    select project_slug, least(row_number() over (order by sum(event_count) desc, project_slug), 8) as place
    from chosen
    group by project_slug
)

select
    case when ranked.place < 8 then chosen.project_slug else 'other projects' end as project,
    ranked.place,
    chosen.day,
    sum(chosen.event_count)::bigint as events
from chosen
inner join ranked on chosen.project_slug = ranked.project_slug
group by all
order by chosen.day, ranked.place
