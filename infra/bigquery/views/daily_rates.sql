-- What happened to the posts of each day, by run, mode and policy?
--
-- Rates are of the posts of the day; violation_rate counts what was judged or reviewed only, so it is
-- a lower bound. What was decided counts, whatever an author did to a post since. Where a run records
-- a part of what it cleared (--record-cleared 1%), posts and cleared are estimated from that part;
-- where it records none, they and the rates are null.
CREATE OR REPLACE VIEW `{dataset}.daily_rates` AS
WITH counted AS (
  SELECT
    run,
    mode,
    DATE(created_at) AS day,
    policy_id,
    MIN(record_cleared) > 0 AS known,
    CAST(ROUND(SUM(weight)) AS INT64) AS posts,
    CAST(ROUND(SUM(IF(machine_label = 'cleared', weight, 0.0))) AS INT64) AS cleared,
    SUM(IF(verdict IS NOT NULL, 1, 0)) AS judged,
    SUM(IF(verdict IS NOT NULL AND route IN ('audit', 'beside'), 1, 0)) AS audited,
    SUM(IF(decided_by = 'human', 1, 0)) AS reviewed,
    SUM(IF(label = 'violates', 1, 0)) AS violating,
    SUM(IF(label = 'safe', 1, 0)) AS safe,
    SUM(IF(label = 'indeterminate', 1, 0)) AS indeterminate,
    SUM(IF(label = 'undecided', 1, 0)) AS undecided,
    SUM(IF(deferred, 1, 0)) AS deferred,
    SUM(IF(route IN ('escalate', 'forced'), 1, 0)) AS escalated,
    SUM(weight) AS weight
  FROM `{dataset}.decisions`
  GROUP BY run, mode, day, policy_id
)
SELECT
  run, mode, day, policy_id,
  IF(known, posts, NULL) AS posts,
  IF(known, cleared, NULL) AS cleared,
  judged, audited, reviewed, violating, safe, indeterminate, undecided, deferred, escalated,
  IF(known, violating / NULLIF(weight, 0), NULL) AS violation_rate,
  IF(known, escalated / NULLIF(weight, 0), NULL) AS escalation_rate
FROM counted
