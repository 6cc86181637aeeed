-- severity: fail
-- Issues with more than one present state, or states that overlap in time.
select
    organization_id,
    issue_id,
    valid_from,
    valid_to
from (
    select
        organization_id,
        issue_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by organization_id, issue_id order by valid_from) as next_from
    from issue_history
) as states
where
    valid_to < valid_from
    or (next_from is not null and (valid_to is null or valid_to > next_from))
