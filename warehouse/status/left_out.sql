-- One row per query, stream and project (or organization) that exports leave out; projects that Sentry lists no more
-- are told apart.
select
    organization_id,
    asked_as,
    project_id,
    last_asked
from {asked_scopes} as asked
where is_left_out and not has_vanished
