-- What did two runs decide differently? One row per message and policy that both have a label for.
--
-- Name both runs: WHERE run = 'live' AND other_run = 'replay-1' (every pair of runs is here, both
-- ways round), and the days of both, created_at and other_created_at, so that only their partitions
-- are read. flipped is that one says violates and the other does not; what is indeterminate or
-- undecided on either side is no flip. Labels are those of the machine; human_verdict, from a review
-- in either run, says which of them is right. weight is how many pairs of posts a row stands for,
-- where a run recorded a part of what it cleared: both draw the same posts, by a hash of their id.
CREATE OR REPLACE VIEW `{dataset}.run_diff` AS
SELECT
  a.run, b.run AS other_run,
  a.created_at, b.created_at AS other_created_at,
  a.topic, a.`partition`, a.`offset`, a.content_id, a.language, a.policy_id,
  a.mode, b.mode AS other_mode,
  a.machine_label AS label, b.machine_label AS other_label,
  a.machine_label IN ('violates', 'safe', 'cleared')
    AND b.machine_label IN ('violates', 'safe', 'cleared')
    AND (a.machine_label = 'violates') != (b.machine_label = 'violates') AS flipped,
  a.route, b.route AS other_route,
  a.score, b.score AS other_score,
  a.probability, b.probability AS other_probability,
  a.rationale, b.rationale AS other_rationale,
  a.policy_version, b.policy_version AS other_policy_version,
  a.screen_version, b.screen_version AS other_screen_version,
  a.model, b.model AS other_model,
  COALESCE(a.human_verdict, b.human_verdict) AS human_verdict,
  COALESCE(a.text, b.text) AS text,
  GREATEST(a.weight, b.weight) AS weight
FROM `{dataset}.decisions` AS a
JOIN `{dataset}.decisions` AS b
  ON b.created_at = a.created_at AND b.topic = a.topic AND b.`partition` = a.`partition`
  AND b.`offset` = a.`offset` AND b.policy_id = a.policy_id AND b.run != a.run
WHERE a.machine_label IS NOT NULL AND b.machine_label IS NOT NULL
