-- Errors before and after each release: Did a release make things worse?
-- The project's error events per hour in the 72 hours before and after each release of the chosen days, whatever release sent them. Windows of close releases overlap. The 15 newest are shown.
select
    release,
    project_slug as project,
    released_at,
    events_per_hour_before as before,
    events_per_hour_after as after,
    change_ratio as change,
    new_issues_72h as new_issues,
    case when is_settled then 'settled' else round(hours_after)::bigint || ' h so far' end as window
from marts.deploy_impact
where day between coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs)) and coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))
    and (null::varchar is null or organization_id = null::varchar)
    and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
    and (coalesce([[{{release}}, ]] null::varchar) is null or release = coalesce([[{{release}}, ]] null::varchar))
order by released_at desc, release, project
limit 15
