-- Which transactions are slowest?
select transaction, max(p95_transaction_duration) as p95_ms
from discover_transactions
group by all
order by p95_ms desc
limit 10;

-- Which are called most?
select transaction, sum(count) as times
from discover_transactions
group by all
order by times desc
limit 10;

-- Which fail?
select transaction, interval_start::date as day, failure_rate
from discover_transactions
order by failure_rate desc
limit 10;
