-- What was decided of every message and policy, by whom, whatever its author did to it since?
--
-- Once each: the latest decision of a reviewer, who has not undone it, where there is one on the version
-- in force, else the latest verdict, else what the screen decided, and whether it waits on the deferred
-- topic. A redelivered message changes nothing: of the rows with one decision_id the first counts. Where
-- thresholds have moved meanwhile, the last screening's route holds, and takes no verdict back. For live figures
-- filter on run = 'live' AND mode = 'enforce': replays have a run of their own, and a policy in
-- shadow has the mode 'shadow'. weight is how many posts a row stands for: more than 1 where the run
-- recorded a part of the cleared posts, 0 where a review is all that is known of the post. Of a
-- replay's sample it is how many posts of the sample: its share (replays.sample) is in no weight.
--
-- created_at is part of every key so that a filter on it reads only the partitions it names. A day that
-- weir fold has folded is read from folded_labels, which holds what this view says of it, and the
-- tables are not looked at.
CREATE OR REPLACE VIEW `{dataset}.decisions` AS
WITH screened AS (
  SELECT
    *,
    FIRST_VALUE(decision_id) OVER (
      PARTITION BY run, created_at, topic, `partition`, `offset`
      ORDER BY screened_at DESC, decision_id
    ) AS latest_id
  FROM `{dataset}.screenings`
  WHERE {open}
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id, threshold_version ORDER BY screened_at
  ) = 1
),
judged AS (
  SELECT *
  FROM `{dataset}.verdicts`
  WHERE {open}
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY judged_at, verdict, rationale
  ) = 1
),
set_aside AS (
  SELECT *
  FROM `{dataset}.deferrals`
  WHERE {open}
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY deferred_at
  ) = 1
),
-- The latest word of each reviewer, which may be that there is none any more.
of_reviewers AS (
  SELECT *
  FROM `{dataset}.human_labels`
  WHERE {open}
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id, reviewer
    ORDER BY reviewed_at DESC, review_id, human_verdict
  ) = 1
),
reviewed AS (
  SELECT *
  FROM of_reviewers
  WHERE human_verdict != 'undone'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id
    ORDER BY reviewed_at DESC, review_id, human_verdict
  ) = 1
),
known AS (
  SELECT
    s.run, s.topic, s.`partition`, s.`offset`, s.content_id, s.created_at, s.language,
    p.policy_id, CAST(NULL AS STRING) AS policy_version, s.screen_version, p.route, p.score,
    CAST(NULL AS STRING) AS mode, CAST(NULL AS STRING) AS verdict,
    CAST(NULL AS FLOAT64) AS probability, CAST(NULL AS FLOAT64) AS inclusion_probability,
    CAST(NULL AS ARRAY<STRING>) AS categories, CAST(NULL AS ARRAY<STRING>) AS rule_ids,
    CAST(NULL AS STRING) AS rationale, CAST(NULL AS STRING) AS reason,
    CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS text,
    s.author_id, s.screened_at AS decided_at, s.decision_id, 3 AS precedence,
    IF(
      s.mode = 'enforce' AND p.policy_id IN UNNEST(s.shadow_policies), 'shadow', s.mode
    ) AS screen_mode,
    COALESCE(s.recorded_probability, 1.0) AS recorded_probability,
    COALESCE(s.record_cleared, 1.0) AS record_cleared, s.detected_language, s.stages, s.audit_rate,
    CAST(NULL AS STRING) AS human_verdict, CAST(NULL AS STRING) AS human_version,
    CAST(NULL AS STRING) AS reviewer, CAST(NULL AS TIMESTAMP) AS reviewed_at
  FROM screened AS s, UNNEST(s.policies) AS p
  -- What was screened again after a policy had been retired has no judge for that policy any more.
  WHERE s.decision_id = s.latest_id OR p.route IN ('clear', 'empty')
  UNION ALL
  SELECT
    run, topic, `partition`, `offset`, content_id, created_at, language,
    policy_id, policy_version, screen_version, route, score,
    mode, verdict, probability, inclusion_probability, categories, rule_ids,
    rationale, reason, model, text,
    author_id, judged_at AS decided_at, decision_id, 1 AS precedence,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM judged
  UNION ALL
  SELECT
    run, topic, `partition`, `offset`, content_id, created_at, language,
    policy_id, policy_version, screen_version, route, score,
    NULL, NULL, NULL, inclusion_probability,
    CAST(NULL AS ARRAY<STRING>), CAST(NULL AS ARRAY<STRING>),
    NULL, NULL, NULL, NULL,
    author_id, deferred_at AS decided_at, decision_id, 2 AS precedence,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM set_aside
  UNION ALL
  SELECT
    run, topic, `partition`, `offset`, content_id, created_at, NULL,
    policy_id, policy_version, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, CAST(NULL AS ARRAY<STRING>), CAST(NULL AS ARRAY<STRING>),
    NULL, NULL, NULL, NULL,
    author_id, reviewed_at AS decided_at, review_id AS decision_id, 4 AS precedence,
    NULL, NULL, NULL, NULL, NULL, NULL, human_verdict, policy_version, reviewer, reviewed_at
  FROM reviewed
),
-- Of the rows of a pair the first counts; what only another row knows is brought to it.
current_ones AS (
  SELECT
    * EXCEPT (
      screen_mode, recorded_probability, record_cleared, detected_language, stages, audit_rate,
      human_verdict, human_version, reviewer, reviewed_at
    ),
    MAX(screen_mode) OVER pair AS screen_mode,
    MAX(recorded_probability) OVER pair AS recorded_probability,
    MAX(record_cleared) OVER pair AS record_cleared,
    MAX(detected_language) OVER pair AS detected_language,
    MAX(stages) OVER pair AS stages,
    MAX(audit_rate) OVER pair AS audit_rate,
    MAX(human_verdict) OVER pair AS human_verdict,
    MAX(human_version) OVER pair AS human_version,
    MAX(reviewer) OVER pair AS reviewer,
    MAX(reviewed_at) OVER pair AS reviewed_at
  FROM known
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (pair ORDER BY precedence, decided_at DESC, decision_id) = 1
  WINDOW pair AS (PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id)
),
-- A review of another version of the policy than has judged the post answered another question.
standing AS (
  SELECT
    *,
    human_verdict IS NOT NULL
      AND (verdict IS NULL OR COALESCE(human_version = policy_version, TRUE)) AS reviewed,
    CASE
      WHEN verdict IS NOT NULL THEN verdict
      WHEN route IN ('clear', 'empty') THEN 'cleared'
      WHEN precedence < 4 THEN 'undecided'
    END AS machine_label
  FROM current_ones
)
SELECT
  {folded_columns}
FROM `{dataset}.folded_labels`
WHERE {folded}
UNION ALL
SELECT
  run, topic, `partition`, `offset`, content_id, created_at, language, policy_id,
  -- cleared by the screen is a weaker claim than judged safe; undecided waits for the judge.
  IF(reviewed, human_verdict, machine_label) AS label,
  CASE
    WHEN reviewed THEN 'human'
    WHEN verdict IS NOT NULL THEN 'judge'
    WHEN route IN ('clear', 'empty') THEN 'screen'
  END AS decided_by,
  precedence = 2 AS deferred,
  verdict, route, score, probability, inclusion_probability, rationale, reason,
  COALESCE(mode, screen_mode, 'enforce') AS mode,
  policy_version, screen_version, decided_at, decision_id,
  machine_label,
  IF(reviewed, human_verdict, NULL) AS human_verdict,
  IF(reviewed, reviewer, NULL) AS reviewer,
  IF(reviewed, reviewed_at, NULL) AS reviewed_at,
  IF(precedence = 4, 0.0, 1 / COALESCE(recorded_probability, 1.0)) AS weight,
  COALESCE(record_cleared, 1.0) AS record_cleared,
  categories, rule_ids, model, text, author_id, detected_language, stages, audit_rate
FROM standing
