-- What does the screen ask of the judge, and what does it find for it? Per run, mode, day, policy and
-- language as the screen tells it (a script stands for all of its languages).
--
-- requests are the posts that went to the judge: escalated, audited, drawn to teach a screen, or of a
-- policy without a head. What was judged beside other policies was in their request: the screen saved it.
-- What a stage cleared is what it saved: saved_by_first by the linear heads alone, saved_by_second
-- after the sentence encoder had read the post, which it did of read_by_second posts. A score of the
-- second stage is from .5 on. gpu_seconds are those of one H100 at the published 46.7 requests a second,
-- each policy asked by itself; judge_cost has what was computed.
-- recall is estimated as in live_recall, which has the intervals: few audits of a language say little.
-- Where a run records a part of what it cleared, posts and what is divided by them are estimated; where
-- it records none they are null. language is null for rows that an older version wrote.
CREATE OR REPLACE VIEW `{dataset}.screen_cost` AS
WITH pairs AS (
  SELECT
    run, mode, DATE(created_at) AS day, policy_id, detected_language AS language,
    route = 'audit' AS audit,
    route = 'beside' AS beside,
    route = 'escalate' AS escalated,
    route IN ('escalate', 'forced', 'audit', 'lesson', 'deferred') AS asked,
    route IN ('clear', 'beside') AS cleared,
    COALESCE(stages = 2, FALSE) AS read,
    COALESCE(stages = 2 AND score >= 0.5, FALSE) AS by_second,
    deferred,
    COALESCE(verdict IS NOT NULL AND label IN ('violates', 'safe'), FALSE) AS answered,
    COALESCE(verdict IS NOT NULL AND label = 'violates', FALSE) AS violates,
    COALESCE(r.sample, 1) / COALESCE(inclusion_probability, 1) AS stands_for,
    record_cleared,
    l.weight
  FROM `{dataset}.decisions` AS l
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
    SUM(IF(read, weight, 0.0)) AS read,
    SUM(IF(cleared AND NOT by_second, weight, 0.0)) AS saved_by_first,
    SUM(IF(cleared AND by_second, weight, 0.0)) AS saved_by_second,
    SUM(IF(escalated AND violates, 1, 0)) AS caught,
    SUM(IF(audit AND answered, 1, 0)) AS audits_answered,
    SUM(IF(audit AND violates, stands_for, 0.0)) AS missed_seen,
    SUM(IF(beside, 1, 0)) AS beside,
    SUM(IF(beside AND answered, 1, 0)) AS beside_answered,
    SUM(IF(beside AND violates, stands_for, 0.0)) AS beside_missed
  FROM pairs
  GROUP BY run, mode, day, policy_id, language
),
estimated AS (
  SELECT
    * EXCEPT (posts, read, saved_by_first, saved_by_second),
    missed_seen * audits / NULLIF(audits_answered, 0)
      + COALESCE(beside_missed * beside / NULLIF(beside_answered, 0), 0.0) AS missed,
    IF(known, NULLIF(posts, 0), NULL) AS posts,
    IF(known, read, NULL) AS read_by_second,
    IF(known, saved_by_first, NULL) AS saved_by_first,
    IF(known, saved_by_second, NULL) AS saved_by_second,
    1 / 46.7 AS gpu_seconds_a_request
  FROM counted
)
SELECT
  run, mode, day, policy_id, language,
  CAST(ROUND(posts) AS INT64) AS posts,
  requests, audits, deferred,
  1000 * requests / posts AS requests_per_1000,
  caught,
  missed,
  caught / NULLIF(caught + missed, 0) AS recall,
  requests / NULLIF(caught, 0) AS requests_per_violation,
  CAST(ROUND(read_by_second) AS INT64) AS read_by_second,
  CAST(ROUND(saved_by_first) AS INT64) AS saved_by_first,
  CAST(ROUND(saved_by_second) AS INT64) AS saved_by_second,
  1000 * saved_by_first / posts AS saved_by_first_per_1000,
  1000 * saved_by_second / posts AS saved_by_second_per_1000,
  requests * gpu_seconds_a_request AS gpu_seconds,
  saved_by_first * gpu_seconds_a_request AS gpu_seconds_saved_by_first,
  saved_by_second * gpu_seconds_a_request AS gpu_seconds_saved_by_second
FROM estimated
