-- The current label of every message and policy, once each: the latest verdict where there is one,
-- else what the screen decided, and whether it waits on the deferred topic. A redelivered message
-- changes nothing: of the rows with one decision_id the first counts. created_at is part of every key so that a filter on it reads only
-- the partitions it names.
CREATE OR REPLACE VIEW `{dataset}.labels` AS
WITH screened AS (
  SELECT
    *,
    FIRST_VALUE(decision_id) OVER (
      PARTITION BY run, created_at, topic, `partition`, `offset`
      ORDER BY screened_at DESC, decision_id
    ) AS latest_id
  FROM `{dataset}.screenings`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY screened_at
  ) = 1
),
judged AS (
  SELECT *
  FROM `{dataset}.verdicts`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY judged_at, verdict, rationale
  ) = 1
),
set_aside AS (
  SELECT *
  FROM `{dataset}.deferrals`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY deferred_at
  ) = 1
),
decisions AS (
  SELECT
    s.run, s.topic, s.`partition`, s.`offset`, s.content_id, s.created_at, s.language,
    p.policy_id, CAST(NULL AS STRING) AS policy_version, s.screen_version, p.route, p.score,
    CAST(NULL AS STRING) AS mode, CAST(NULL AS STRING) AS verdict,
    CAST(NULL AS FLOAT64) AS probability, CAST(NULL AS FLOAT64) AS inclusion_probability,
    CAST(NULL AS STRING) AS rationale, CAST(NULL AS STRING) AS reason,
    s.screened_at AS decided_at, s.decision_id, 3 AS precedence
  FROM screened AS s, UNNEST(s.policies) AS p
  -- What was screened again after a policy had been retired has no judge for that policy any more.
  WHERE s.decision_id = s.latest_id OR p.route = 'clear'
  UNION ALL
  SELECT
    run, topic, `partition`, `offset`, content_id, created_at, language,
    policy_id, policy_version, screen_version, route, score,
    mode, verdict, probability, inclusion_probability, rationale, reason,
    judged_at AS decided_at, decision_id, 1 AS precedence
  FROM judged
  UNION ALL
  SELECT
    run, topic, `partition`, `offset`, content_id, created_at, language,
    policy_id, policy_version, screen_version, route, score,
    CAST(NULL AS STRING) AS mode, CAST(NULL AS STRING) AS verdict,
    CAST(NULL AS FLOAT64) AS probability, inclusion_probability,
    CAST(NULL AS STRING) AS rationale, CAST(NULL AS STRING) AS reason,
    deferred_at AS decided_at, decision_id, 2 AS precedence
  FROM set_aside
)
SELECT
  run, topic, `partition`, `offset`, content_id, created_at, language, policy_id,
  -- cleared by the screen is a weaker claim than judged safe; undecided waits for the judge.
  CASE
    WHEN verdict IS NOT NULL THEN verdict
    WHEN route = 'clear' THEN 'cleared'
    ELSE 'undecided'
  END AS label,
  CASE
    WHEN verdict IS NOT NULL THEN 'judge'
    WHEN route = 'clear' THEN 'screen'
  END AS decided_by,
  precedence = 2 AS deferred,
  verdict, route, score, probability, inclusion_probability, rationale, reason, mode,
  policy_version, screen_version, decided_at, decision_id
FROM decisions
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id
  ORDER BY precedence, decided_at DESC, decision_id
) = 1
