-- What would change if the second screen (--shadow-screen) took the place of the first? Per run,
-- mode, day, policy and pair of screens; filter on day and shadow_day alike, so that only their
-- partitions are read. A post is sent to the judge where its route is escalate or
-- forced; a policy without a head has all of its posts sent, and head or shadow_head is false.
--
-- The violations are the judged ones, each audited one for 1 / inclusion probability of them, so
-- recall and shadow_recall are of all posts although the second screen escalated none itself.
-- gained are violations that the second alone would send, lost those that the first alone sends;
-- violating_shadow_alone and violating_live_alone say on how many judged posts that rests. Posts
-- without a verdict, indeterminate ones and audits that left the sample are not among them. Where
-- people reviewed a verdict, theirs counts.
CREATE OR REPLACE VIEW `{dataset}.screen_comparison` AS
WITH shadowed AS (
  SELECT
    s.run, s.created_at, s.topic, s.`partition`, s.`offset`, p.policy_id,
    s.screen_version AS shadow_version, p.route AS shadow_route
  FROM `{dataset}.shadow_screenings` AS s, UNNEST(s.policies) AS p
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY s.run, s.created_at, s.topic, s.`partition`, s.`offset`, p.policy_id,
      s.screen_version
    ORDER BY s.screened_at DESC, s.decision_id
  ) = 1
),
pairs AS (
  SELECT
    l.run, l.mode, DATE(l.created_at) AS day, DATE(d.created_at) AS shadow_day,
    l.policy_id, l.screen_version, d.shadow_version,
    l.route != 'forced' AS head,
    d.shadow_route != 'forced' AS shadow_head,
    l.route IN ('escalate', 'forced') AS sent,
    d.shadow_route IN ('escalate', 'forced') AS shadow_sent,
    COALESCE(
      l.verdict IS NOT NULL AND l.label = 'violates' AND l.route != 'deferred', FALSE
    ) AS violates,
    1 / COALESCE(l.inclusion_probability, 1) AS weight,
    l.weight AS posts
  FROM `{dataset}.labels` AS l
  JOIN shadowed AS d
    ON d.run = l.run AND d.created_at = l.created_at AND d.topic = l.topic
    AND d.`partition` = l.`partition` AND d.`offset` = l.`offset` AND d.policy_id = l.policy_id
  WHERE l.machine_label IS NOT NULL
),
counted AS (
  SELECT
    run, mode, day, shadow_day, policy_id, screen_version, shadow_version,
    SUM(IF(head, 0, 1)) = 0 AS head,
    SUM(IF(shadow_head, 0, 1)) = 0 AS shadow_head,
    CAST(ROUND(SUM(posts)) AS INT64) AS posts,
    SUM(IF(sent AND shadow_sent, 1, 0)) AS sent_by_both,
    SUM(IF(sent AND NOT shadow_sent, 1, 0)) AS sent_by_live_alone,
    SUM(IF(shadow_sent AND NOT sent, 1, 0)) AS sent_by_shadow_alone,
    CAST(ROUND(SUM(IF(sent OR shadow_sent, 0.0, posts))) AS INT64) AS cleared_by_both,
    SUM(IF(violates, 1, 0)) AS violating,
    SUM(IF(violates AND sent AND NOT shadow_sent, 1, 0)) AS violating_live_alone,
    SUM(IF(violates AND shadow_sent AND NOT sent, 1, 0)) AS violating_shadow_alone,
    SUM(IF(violates, weight, 0.0)) AS violations,
    SUM(IF(violates AND sent, weight, 0.0)) AS caught,
    SUM(IF(violates AND shadow_sent, weight, 0.0)) AS shadow_caught,
    SUM(IF(violates AND sent AND NOT shadow_sent, weight, 0.0)) AS lost,
    SUM(IF(violates AND shadow_sent AND NOT sent, weight, 0.0)) AS gained
  FROM pairs
  GROUP BY run, mode, day, shadow_day, policy_id, screen_version, shadow_version
)
SELECT
  *,
  (sent_by_both + sent_by_live_alone) / posts AS escalation_rate,
  (sent_by_both + sent_by_shadow_alone) / posts AS shadow_escalation_rate,
  caught / NULLIF(violations, 0) AS recall,
  shadow_caught / NULLIF(violations, 0) AS shadow_recall
FROM counted
