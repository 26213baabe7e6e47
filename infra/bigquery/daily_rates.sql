-- What happened to the posts of each day, by run and policy. Rates are of the posts of the day;
-- violation_rate counts what was judged only, so it is a lower bound.
CREATE OR REPLACE VIEW `{dataset}.daily_rates` AS
SELECT
  run,
  DATE(created_at) AS day,
  policy_id,
  COUNT(*) AS posts,
  SUM(IF(label = 'cleared', 1, 0)) AS cleared,
  SUM(IF(decided_by = 'judge', 1, 0)) AS judged,
  SUM(IF(decided_by = 'judge' AND route = 'audit', 1, 0)) AS audited,
  SUM(IF(label = 'violates', 1, 0)) AS violating,
  SUM(IF(label = 'safe', 1, 0)) AS safe,
  SUM(IF(label = 'indeterminate', 1, 0)) AS indeterminate,
  SUM(IF(label = 'undecided', 1, 0)) AS undecided,
  SUM(IF(deferred, 1, 0)) AS deferred,
  SUM(IF(label = 'violates', 1, 0)) / COUNT(*) AS violation_rate,
  SUM(IF(route IN ('escalate', 'forced'), 1, 0)) / COUNT(*) AS escalation_rate
FROM `{dataset}.labels`
GROUP BY run, day, policy_id
