-- One row per issue that this run's complete sweep of its project did not list although its last event is
-- recent enough to be: asked for by itself, once, to learn whether it was deleted or merged. Issues whose
-- last event is older than all that Sentry still counts only aged out, and are left alone.
select
    organization_id,
    project_id,
    item
from {issues_missing}
where was_known
order by organization_id, project_id, item
