-- severity: fail
-- Counts below zero.
select
    'outcomes' as table_name,
    organization_id,
    project_id,
    interval_start
from outcomes
where quantity < 0 or times_seen < 0
union all
select
    'sessions',
    organization_id,
    project_id,
    interval_start
from sessions
where session_count < 0 or user_count < 0
