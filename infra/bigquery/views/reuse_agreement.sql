-- Does the judge agree with the verdicts that near-copies take from other posts? Per run, mode, day,
-- policy, version, model and the verdict that is taken.
--
-- reused are near-copies that took it, checks those that were judged all the same: a random share of
-- them, and all while they are on trial. agreed had the same verdict; an indeterminate one is not.
-- agreement_low and agreement_high are the score interval at 95 % (Wilson, 1927), for one look; what
-- switches reuse on and off in a job is made to be looked at always, see docs/judge.md. Days can be
-- added up by the columns from reused to indeterminate. day is that of the post.
CREATE OR REPLACE VIEW `{dataset}.reuse_agreement` AS
WITH judged AS (
  SELECT *
  FROM `{dataset}.verdicts`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, decision_id ORDER BY judged_at, verdict, rationale
  ) = 1
),
counted AS (
  SELECT
    run,
    mode,
    DATE(created_at) AS day,
    policy_id,
    policy_version,
    model,
    COALESCE(checked_verdict, verdict) AS taken,
    SUM(IF(reused_from IS NOT NULL, 1, 0)) AS reused,
    SUM(IF(checked_verdict IS NOT NULL, 1, 0)) AS checks,
    SUM(IF(checked_verdict = verdict, 1, 0)) AS agreed,
    SUM(IF(checked_verdict IS NOT NULL AND verdict = 'indeterminate', 1, 0)) AS indeterminate
  FROM judged
  WHERE reused_from IS NOT NULL OR checked_verdict IS NOT NULL
  GROUP BY run, mode, day, policy_id, policy_version, model, taken
)
SELECT
  *,
  agreed / NULLIF(checks, 0) AS agreement,
  IF(checks = 0, NULL, GREATEST(0.0,
    (agreed + 1.920729410347062
      - 1.959963984540054 * SQRT(agreed * (checks - agreed) / NULLIF(checks, 0) + 0.960364705173531))
    / (checks + 3.841458820694124))) AS agreement_low,
  IF(checks = 0, NULL, LEAST(1.0,
    (agreed + 1.920729410347062
      + 1.959963984540054 * SQRT(agreed * (checks - agreed) / NULLIF(checks, 0) + 0.960364705173531))
    / (checks + 3.841458820694124))) AS agreement_high
FROM counted
