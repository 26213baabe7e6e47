-- What became of each complaint about a decision, and who decided it?
--
-- Once each, in its latest state: open, upheld (the decision stands) or overturned. late says that it
-- was received after the six months in which complaints are taken, hours how long it took to decide it.
-- day is that of the post. labels has the decision as it stands now: by = run and decision_id.
CREATE OR REPLACE VIEW `{dataset}.complaint_outcomes` AS
WITH placed AS (
  SELECT
    *,
    MIN(changed_at) OVER (PARTITION BY run, created_at, complaint_id) AS received_at,
    ROW_NUMBER() OVER (
      PARTITION BY run, created_at, complaint_id
      ORDER BY state = 'open', changed_at DESC, state
    ) AS place
  FROM `{dataset}.complaints`
)
SELECT
  complaint_id, run, DATE(created_at) AS day, created_at, decision_id, policy_id, decision, state,
  received_at, open_until, received_at > open_until AS late,
  IF(state = 'open', NULL, changed_at) AS decided_at,
  IF(state = 'open', NULL, TIMESTAMP_DIFF(changed_at, received_at, MINUTE) / 60.0) AS hours,
  decided_by, reviewer
FROM placed
WHERE place = 1
