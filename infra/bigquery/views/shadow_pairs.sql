-- What did the second screen (--shadow-screen, or one that has learned) make of each post and policy,
-- and what the first? Filter on day and shadow_day alike, so that only their partitions are read.
--
-- sent and shadow_sent say that a screen's route is escalate or forced; a policy without a head has
-- all of its posts sent, and head or shadow_head is false. violates is judged, or reviewed, to: of
-- audits each for 1 / inclusion_probability. Lessons and audits that left the sample are no part of
-- an estimate, so they violate nothing here. posts is how many the pair stands for.
CREATE OR REPLACE VIEW `{dataset}.shadow_pairs` AS
WITH shadowed AS (
  SELECT
    s.run, s.created_at, s.topic, s.`partition`, s.`offset`, p.policy_id,
    s.screen_version AS shadow_version, p.route AS shadow_route, s.screened_at AS compared_at
  FROM `{dataset}.shadow_screenings` AS s, UNNEST(s.policies) AS p
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY s.run, s.created_at, s.topic, s.`partition`, s.`offset`, p.policy_id,
      s.screen_version
    ORDER BY s.screened_at DESC, s.decision_id
  ) = 1
)
SELECT
  l.run, l.mode, DATE(l.created_at) AS day, DATE(d.created_at) AS shadow_day,
  l.policy_id, l.screen_version, d.shadow_version, d.compared_at,
  l.route, l.verdict,
  l.route != 'forced' AS head,
  d.shadow_route != 'forced' AS shadow_head,
  l.route IN ('escalate', 'forced') AS sent,
  d.shadow_route IN ('escalate', 'forced') AS shadow_sent,
  COALESCE(
    l.verdict IS NOT NULL AND l.label = 'violates' AND l.route NOT IN ('deferred', 'lesson'),
    FALSE
  ) AS violates,
  COALESCE(l.inclusion_probability, 1.0) AS inclusion_probability,
  l.weight AS posts
FROM `{dataset}.decisions` AS l
JOIN shadowed AS d
  ON d.run = l.run AND d.created_at = l.created_at AND d.topic = l.topic
  AND d.`partition` = l.`partition` AND d.`offset` = l.`offset` AND d.policy_id = l.policy_id
WHERE l.machine_label IS NOT NULL
