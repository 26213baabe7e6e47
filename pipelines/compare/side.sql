{x}_counting AS (
  SELECT DISTINCT policy_id
  FROM `{dataset}.verdicts`
  WHERE created_at >= @since AND created_at < @until AND mode != 'shadow'{of_verdicts}
),
{x}_verdicts AS (
  SELECT *
  FROM (
    SELECT *
    FROM `{dataset}.verdicts`
    WHERE created_at >= @since AND created_at < @until{of_verdicts}{of_shadows}
    QUALIFY ROW_NUMBER() OVER (PARTITION BY run, decision_id ORDER BY judged_at, verdict) = 1
  )
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY topic, `partition`, `offset`, policy_id
    ORDER BY judged_at DESC, decision_id
  ) = 1
),
{x}_screened AS (
  SELECT *
  FROM `{dataset}.screenings`
  WHERE created_at >= @since AND created_at < @until{of_screenings}
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY topic, `partition`, `offset` ORDER BY screened_at DESC, decision_id
  ) = 1
),
{x}_screenings AS (
  SELECT
    s.topic, s.`partition`, s.`offset`, s.content_id, s.created_at, s.language,
    s.decision_id, p.policy_id, p.route, p.score
  FROM {x}_screened AS s, UNNEST(s.policies) AS p
  WHERE TRUE{of_policies}
),
{x} AS (
  SELECT
    topic, `partition`, `offset`, policy_id,
    IF(@one_policy, '', policy_id) AS policy_key,
    COALESCE(v.decision_id, s.decision_id) AS decision_id,
    COALESCE(v.content_id, s.content_id) AS content_id,
    COALESCE(v.created_at, s.created_at) AS created_at,
    COALESCE(v.language, s.language) AS language,
    COALESCE(v.score, s.score) AS score,
    COALESCE(v.verdict, IF(s.route IN ('clear', 'empty'), 'cleared', 'undecided')) AS label,
    v.text, v.probability, v.rule_ids, v.rationale, v.reason,
    SUBSTR(COALESCE(v.categories[SAFE_OFFSET(0)], v.rule_ids[SAFE_OFFSET(0)]), 1, 60) AS category,
    -- How sure the decision is: of a probability, its distance from one half.
    CASE
      WHEN v.probability IS NOT NULL THEN ABS(2 * v.probability - 1)
      WHEN v.confidence = 'high' THEN 0.9
      WHEN v.confidence = 'medium' THEN 0.6
      WHEN v.confidence = 'low' THEN 0.3
      ELSE 0.5
    END AS certainty,
    IF(v.verdict IS NULL, 0.0, COALESCE(v.requests, IF(v.cached, 0.0, 1.0))) AS requests,
    IF(v.verdict IS NOT NULL AND v.cached, 1, 0) AS cached,
    v.tokens_in, v.tokens_out
  FROM {x}_screenings AS s
  FULL JOIN {x}_verdicts AS v USING (topic, `partition`, `offset`, policy_id)
)
