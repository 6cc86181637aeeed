-- The table that a `request` of a `stream` fills, as completeness and freshness name it.
case
    when stream = 'discover' then 'discover_' || request
    when stream = 'sessions' and request = 'health' then 'session_health'
    when stream = 'issues' and coalesce(request, '') <> '' then 'issue_details'
    when stream = 'events' and coalesce(request, '') not in ('', 'audit') then 'event_details'
    else stream
end
