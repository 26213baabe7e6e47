-- Which judged posts should people look at, so that the judge can be measured and mended?
--
-- A sample of each day's verdicts: at most 50 of every run, mode, day, policy and stratum, drawn by a
-- hash, so that it is the same whenever it is asked for. The strata: missed (the screen cleared it
-- and an audit found it violating), indeterminate, borderline (a probability of 0.3 to 0.7), and
-- the other violates and safe. For n of each take place <= n: each stands for
-- GREATEST(stratum_posts, n) / n verdicts of its stratum. Filter on day.
CREATE OR REPLACE VIEW `{dataset}.appeals_sample` AS
WITH strata AS (
  SELECT
    run, mode, DATE(created_at) AS day, policy_id,
    CASE
      WHEN verdict = 'violates' AND route IN ('audit', 'beside') THEN 'missed'
      WHEN verdict = 'indeterminate' THEN 'indeterminate'
      WHEN probability BETWEEN 0.3 AND 0.7 THEN 'borderline'
      ELSE verdict
    END AS stratum,
    topic, `partition`, `offset`, content_id, created_at, language, text, route, verdict,
    probability, categories, rule_ids, rationale, reason, policy_version, model, decision_id,
    human_verdict, author_id
  FROM `{dataset}.labels`
  WHERE verdict IS NOT NULL AND label != 'withdrawn'
),
placed AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY run, mode, day, policy_id, stratum) AS stratum_posts,
    ROW_NUMBER() OVER (
      PARTITION BY run, mode, day, policy_id, stratum
      ORDER BY TO_HEX(MD5(decision_id))
    ) AS place
  FROM strata
)
SELECT *
FROM placed
WHERE place <= 50
