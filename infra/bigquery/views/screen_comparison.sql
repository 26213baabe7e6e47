-- What would change if the second screen (--shadow-screen) took the place of the first? Per run,
-- mode, day, policy and pair of screens; filter on day and shadow_day alike, so that only their
-- partitions are read. A post is sent to the judge where its route is escalate or
-- forced; a policy without a head has all of its posts sent, and head or shadow_head is false.
--
-- The violations are the judged ones, each audited one for 1 / inclusion probability of them, so
-- recall and shadow_recall are of all posts although the second screen escalated none itself.
-- gained are violations that the second alone would send, lost those that the first alone sends;
-- violating_shadow_alone and violating_live_alone say on how many judged posts that rests. Posts
-- without a verdict, indeterminate ones, lessons and audits that left the sample are not among them. Where
-- people reviewed a verdict, theirs counts.
CREATE OR REPLACE VIEW `{dataset}.screen_comparison` AS
WITH counted AS (
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
    SUM(IF(violates, 1 / inclusion_probability, 0.0)) AS violations,
    SUM(IF(violates AND sent, 1 / inclusion_probability, 0.0)) AS caught,
    SUM(IF(violates AND shadow_sent, 1 / inclusion_probability, 0.0)) AS shadow_caught,
    SUM(IF(violates AND sent AND NOT shadow_sent, 1 / inclusion_probability, 0.0)) AS lost,
    SUM(IF(violates AND shadow_sent AND NOT sent, 1 / inclusion_probability, 0.0)) AS gained
  FROM `{dataset}.shadow_pairs`
  GROUP BY run, mode, day, shadow_day, policy_id, screen_version, shadow_version
)
SELECT
  *,
  (sent_by_both + sent_by_live_alone) / posts AS escalation_rate,
  (sent_by_both + sent_by_shadow_alone) / posts AS shadow_escalation_rate,
  caught / NULLIF(violations, 0) AS recall,
  shadow_caught / NULLIF(violations, 0) AS shadow_recall
FROM counted
