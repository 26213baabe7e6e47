-- What does the screen ask of the judge, and what does it find for it? Per run, mode, day, policy and
-- language as the screen tells it (a script stands for all of its languages).
--
-- requests are the posts that went to the judge: escalated, audited, drawn to teach a screen, or of a
-- policy without a head.
-- recall is estimated as in live_recall, which has the intervals: few audits of a language say little.
-- Where a run records a part of what it cleared, posts and what is divided by them are estimated; where
-- it records none they are null. language is null for rows that an older version wrote.
CREATE OR REPLACE VIEW `{dataset}.screen_cost` AS
WITH pairs AS (
  SELECT
    run, mode, DATE(created_at) AS day, policy_id, detected_language AS language,
    route = 'audit' AS audit,
    route = 'escalate' AS escalated,
    route IN ('escalate', 'forced', 'audit', 'lesson', 'deferred') AS asked,
    deferred,
    COALESCE(verdict IS NOT NULL AND label IN ('violates', 'safe'), FALSE) AS answered,
    COALESCE(verdict IS NOT NULL AND label = 'violates', FALSE) AS violates,
    COALESCE(r.sample, 1) / COALESCE(inclusion_probability, 1) AS stands_for,
    record_cleared,
    l.weight
  FROM `{dataset}.labels` AS l
  LEFT JOIN (SELECT run, MIN(sample) AS sample FROM `{dataset}.replays` GROUP BY run) AS r
    USING (run)
  WHERE machine_label IS NOT NULL AND route != 'empty'
),
counted AS (
  SELECT
    run, mode, day, policy_id, language,
    MIN(record_cleared) > 0 AS known,
    SUM(weight) AS posts,
    SUM(IF(asked, 1, 0)) AS requests,
    SUM(IF(audit, 1, 0)) AS audits,
    SUM(IF(deferred, 1, 0)) AS deferred,
    SUM(IF(escalated AND violates, 1, 0)) AS caught,
    SUM(IF(audit AND answered, 1, 0)) AS audits_answered,
    SUM(IF(audit AND violates, stands_for, 0.0)) AS missed_seen
  FROM pairs
  GROUP BY run, mode, day, policy_id, language
),
estimated AS (
  SELECT *, missed_seen * audits / NULLIF(audits_answered, 0) AS missed FROM counted
)
SELECT
  run, mode, day, policy_id, language,
  IF(known, CAST(ROUND(posts) AS INT64), NULL) AS posts,
  requests, audits, deferred,
  IF(known, 1000 * requests / NULLIF(posts, 0), NULL) AS requests_per_1000,
  caught,
  missed,
  caught / NULLIF(caught + missed, 0) AS recall,
  requests / NULLIF(caught, 0) AS requests_per_violation
FROM estimated
