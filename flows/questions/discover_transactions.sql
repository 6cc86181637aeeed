-- Which transactions are slowest, of those called at least ten times?
select transaction, sum(count) as times,
    sum(count * p95_transaction_duration) / sum(count) as mean_of_daily_p95_ms
from discover_transactions
group by all
having sum(count) >= 10
order by mean_of_daily_p95_ms desc
limit 10;

-- Which are called most?
select transaction, sum(count) as times
from discover_transactions
group by all
order by times desc
limit 10;

-- Which fail most often, of those called at least ten times?
select transaction, sum(count) as times, sum(count * failure_rate) / sum(count) as failure_rate
from discover_transactions
group by all
having sum(count) >= 10
order by failure_rate desc
limit 10;
