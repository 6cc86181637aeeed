-- Freshness by table: How old is each table?
-- Age: hours from the time up to which a table is loaded to the end of the newest run's windows. Fresh: at most 36.
select
    table_name,
    status,
    age_hours,
    up_to,
    newest_row_at,
    newest_loaded_at,
    projects_behind
from marts.freshness
where null::varchar is null or organization_id = null::varchar
order by age_hours desc nulls first, table_name
