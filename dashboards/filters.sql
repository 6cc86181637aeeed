-- What the filters offer
with
newest_run as (
    select max(as_of) as as_of from meta.runs
),

releases_by_volume as (
    select release, sum(events) as events
    from (
        select release, sum(event_count) as events, from marts.error_volume where release <> '' group by all
        union all
        select release, sum(session_count), from marts.release_health where release <> '' group by all
    ) as counted
    group by all
),

environments_by_volume as (
    select environment, sum(events) as events
    from (
        select environment, sum(event_count) as events from marts.error_volume where environment <> '' group by all
        union all
        select environment, sum(session_count) from marts.release_health where environment <> '' group by all
    ) as counted
    group by all
),

organizations_known as (
    select organization_id as value, any_value(organization_slug) as label
    from marts.project_names
    group by all
)

select
    (select as_of from newest_run) as as_of,
    (select least(min(day), (select as_of::date from newest_run)) from marts.error_volume) as first_day,
    (select list({'value': value, 'label': label} order by label) from organizations_known) as organizations,
    (select list(distinct project_slug order by project_slug) from marts.project_names) as projects,
    (select list(environment order by events desc, environment) from environments_by_volume) as environments,
    (select list(release order by events desc, release)[1:300] from releases_by_volume) as releases
