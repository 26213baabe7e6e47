-- Does the judge agree with the verdicts that near-copies take from other posts? Per run, mode, day,
-- policy, version, model and the verdict that is taken.
--
-- reused are near-copies that took it, checks those that were judged all the same: a random share of
-- them, and all while they are on trial. agreed had the same verdict; an indeterminate one is not.
-- agreement_low and agreement_high are the score interval at 95 % (Wilson, 1927), for one look; what
-- switches reuse on and off in a job is made to be looked at always, see docs/judge.md. Days can be
-- added up by the columns from reused to indeterminate. day is that of the post.
CREATE OR REPLACE VIEW `{dataset}.reuse_agreement` AS
WITH counted AS (
  SELECT
    run,
    mode,
    day,
    policy_id,
    policy_version,
    model,
    COALESCE(checked_verdict, verdict) AS taken,
    SUM(IF(reused_from IS NOT NULL, 1, 0)) AS reused,
    SUM(IF(checked_verdict IS NOT NULL, 1, 0)) AS checks,
    SUM(IF(checked_verdict = verdict, 1, 0)) AS agreed,
    SUM(IF(checked_verdict IS NOT NULL AND verdict = 'indeterminate', 1, 0)) AS indeterminate
  FROM `{dataset}.distinct_verdicts`
  WHERE reused_from IS NOT NULL OR checked_verdict IS NOT NULL
  GROUP BY run, mode, day, policy_id, policy_version, model, taken
)
SELECT
  *,
  agreed / NULLIF(checks, 0) AS agreement,
  IF(checks = 0, NULL, GREATEST(0.0,
    (agreed + {z} * {z} / 2
      - {z} * SQRT(agreed * (checks - agreed) / NULLIF(checks, 0) + {z} * {z} / 4))
    / (checks + {z} * {z}))) AS agreement_low,
  IF(checks = 0, NULL, LEAST(1.0,
    (agreed + {z} * {z} / 2
      + {z} * SQRT(agreed * (checks - agreed) / NULLIF(checks, 0) + {z} * {z} / 4))
    / (checks + {z} * {z}))) AS agreement_high
FROM counted
