-- Open issues by owner and age: Who has the open issues, and how old are they?
-- Open issues as of the newest run (the chosen days do not matter). Age since the first event or the last reopening. Owner: assignee, else the project's team. The eleven owners with most are named.
with
chosen as (
    select owner_name, age_bucket, age_bucket_number, count(*) as issues
    from marts.backlog_age
    where (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
    group by all
),

ranked as (
    select owner_name, least(row_number() over (order by sum(issues) desc, owner_name), 12) as place
    from chosen
    group by owner_name
)

select
    case when ranked.place < 12 then chosen.owner_name else 'everybody else' end as owner,
    ranked.place,
    chosen.age_bucket,
    chosen.age_bucket_number,
    sum(chosen.issues)::bigint as issues
from chosen
inner join ranked on chosen.owner_name = ranked.owner_name
group by all
order by ranked.place, chosen.age_bucket_number
