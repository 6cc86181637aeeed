-- Time to first response: How soon does somebody look at a new issue?
-- New issues of the chosen days by the time until a person first did something about them, such as assign, comment or resolve. Issues whose activity is not loaded are left out.
with
chosen as (
    select hours_to_first_response as hours
    from marts.time_to_first_response
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
),

classed as (
    select
        case
            when hours is null then 6
            when hours <= 1 then 1
            when hours <= 8 then 2
            when hours <= 24 then 3
            when hours <= 168 then 4
            else 5
        end as place
    from chosen
)

select
    place,
    ['within an hour', 'within 8 hours', 'within a day', 'within a week', 'later', 'nobody yet'][place] as response,
    count(*) as issues,
    (count(*) / sum(count(*)) over ())::double as share
from classed
group by place
order by place
