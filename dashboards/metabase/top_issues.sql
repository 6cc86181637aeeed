-- Top issues: Which issues hurt most, and which are new?
-- Issues by stored events in the chosen days, beside the same number of days before. New: first event in the chosen days.
with
-- first those shown, then what they made before: the many others are added up once only
noisiest as (
    select organization_id, issue_id, any_value(project_slug) as project_slug, sum(event_count)::bigint as events
    from marts.issue_volume
    where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
        and issue_id <> ''
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by organization_id, issue_id
    order by events desc, issue_id
    limit 15
),

earlier as (
    select organization_id, issue_id, sum(event_count)::bigint as events
    from marts.issue_volume
    where day between (coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) - (coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs)) - coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) + 1)::int) and (coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) - 1)
        and issue_id in (select issue_id from noisiest)
        and (null::varchar is null or organization_id = null::varchar)
        and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
        and (coalesce([[{{environment}}, ]] null::varchar) is null or environment = coalesce([[{{environment}}, ]] null::varchar))
        and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
    group by organization_id, issue_id
),

volumes as (
    select
        noisiest.organization_id,
        noisiest.project_slug,
        noisiest.issue_id,
        noisiest.events,
        coalesce(earlier.events, 0) as before
    from noisiest
    left join earlier
        on noisiest.organization_id = earlier.organization_id
        and noisiest.issue_id = earlier.issue_id
)

select
    coalesce(issues.short_id, volumes.issue_id) as issue,
    coalesce(issues.title, 'not loaded') as title,
    volumes.project_slug as project,
    issues.level,
    issues.status,
    coalesce(ownership.owner_name, 'nobody') as owner,
    volumes.events,
    volumes.before,
    case when volumes.before > 0 then volumes.events / volumes.before - 1 end::double as change,
    issues.user_count as users,
    coalesce(issues.first_seen::date >= coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)), false) as is_new,
    issues.permalink
from volumes
left join issues
    on volumes.organization_id = issues.organization_id
    and volumes.issue_id = issues.issue_id
left join marts.ownership as ownership
    on volumes.organization_id = ownership.organization_id
    and volumes.issue_id = ownership.issue_id
order by volumes.events desc, volumes.issue_id
