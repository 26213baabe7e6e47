-- How much of what violates does the screen catch, and how many violations were missed? Per run,
-- mode, day, policy and screen, from the random sample of cleared posts that is judged all the same; the
-- intervals are at 95 %.
--
-- missed is the sum of 1 / inclusion probability over the audited posts that violate; its interval
-- is for the number in these very posts. recall is caught / (caught + missed); its interval is for
-- the share in traffic like this, which is what a certificate promises. answered is judged to
-- violate or to be safe: what is not (indeterminate, waiting, dead) is taken to be like the rest of
-- its route, and recall_lowest and recall_highest are the recall if all of it had gone against the
-- screen, or for it. Audits that the judge's budget took out of the sample count as cleared only;
-- forced posts, of a policy without a head, were not screened and count nowhere else. Where people
-- reviewed a verdict, theirs counts. cleared is estimated where a run records a part of the cleared
-- posts, and too low where it records none; nothing else here depends on it.
--
-- beside are cleared posts that were judged because other policies were asked about them in the same
-- request (--judge-together): a stratum of which all is judged, so what was missed there is counted.
-- The audit is a sample of the other cleared posts.
--
-- Days can be added up by the columns from forced to beside_missed, not by the estimates.
-- transforms/screen/live_recall.py has the same formulas with their sources.
CREATE OR REPLACE VIEW `{dataset}.live_recall` AS
WITH pairs AS (
  SELECT
    run, mode, DATE(created_at) AS day, policy_id, screen_version,
    route = 'forced' AS forced,
    route = 'escalate' AS escalated,
    route = 'audit' AS audit,
    route = 'beside' AS beside,
    COALESCE(verdict IS NOT NULL AND label IN ('violates', 'safe'), FALSE) AS answered,
    COALESCE(verdict IS NOT NULL AND label = 'violates', FALSE) AS violates,
    -- Of a replay's sample: its own share is in every probability, and says nothing of the screen.
    COALESCE(r.sample, 1) / COALESCE(inclusion_probability, 1) AS weight,
    l.weight AS posts,
    COALESCE(l.weight / NULLIF(l.audit_rate, 0), 0.0) AS cleared_weight
  FROM `{dataset}.decisions` AS l
  LEFT JOIN (SELECT run, MIN(sample) AS sample FROM `{dataset}.replays` GROUP BY run) AS r
    USING (run)
  WHERE machine_label IS NOT NULL AND route != 'empty'
),
counted AS (
  SELECT
    run, mode, day, policy_id, screen_version,
    SUM(IF(forced, 1, 0)) AS forced,
    SUM(IF(escalated, 1, 0)) AS escalated,
    SUM(IF(escalated AND answered, 1, 0)) AS escalated_answered,
    SUM(IF(escalated AND violates, 1, 0)) AS caught,
    CAST(ROUND(SUM(IF(forced OR escalated, 0.0, posts))) AS INT64) AS cleared,
    SUM(IF(forced OR escalated, 0.0, cleared_weight)) AS cleared_weight,
    SUM(IF(audit, 1, 0)) AS audits,
    SUM(IF(audit AND answered, 1, 0)) AS audits_answered,
    SUM(IF(audit AND violates, 1, 0)) AS missed_seen,
    SUM(IF(audit AND answered, weight, 0.0)) AS audit_weight,
    SUM(IF(audit AND answered, weight * weight, 0.0)) AS audit_squares,
    SUM(IF(audit AND violates, weight, 0.0)) AS missed_weight,
    SUM(IF(audit AND violates, weight * weight, 0.0)) AS missed_squares,
    SUM(IF(beside, 1, 0)) AS beside,
    SUM(IF(beside AND answered, 1, 0)) AS beside_answered,
    SUM(IF(beside AND violates, 1, 0)) AS beside_missed
  FROM pairs
  GROUP BY run, mode, day, policy_id, screen_version
),
-- unit: how many posts one audited post stands for, as variance has it: no fewer than the run's own rate
-- has it, of which few posts or none may have been audited yet beside those that a screen in shadow sends.
weighed AS (
  SELECT
    *,
    GREATEST(
      1.0,
      audit_squares / NULLIF(audit_weight, 0),
      COALESCE(cleared_weight / NULLIF(cleared, 0), 0.0),
      COALESCE(missed_squares / NULLIF(missed_weight, 0), 0.0)
    ) AS unit,
    audits / NULLIF(audits_answered, 0) AS answering,
    COALESCE(escalated / NULLIF(escalated_answered, 0), 1.0) AS escalated_answering,
    COALESCE(beside / NULLIF(beside_answered, 0), 1.0) AS beside_answering,
    GREATEST(caught, 0.5) AS known,
    audit_weight / NULLIF(audits_answered, 0) AS mean_weight
  FROM counted
),
-- seen: as many audits of one weight, that violate, would say as much. scale and beside_scale: for how
-- many of the missed one stands, for each of the caught that is seen.
scaled AS (
  SELECT
    *,
    missed_weight / unit AS seen,
    unit * answering / escalated_answering AS scale,
    beside_answering / escalated_answering AS beside_scale,
    beside_missed * beside_answering AS missed_beside
  FROM weighed
),
spread AS (
  SELECT
    *,
    seen * scale + beside_missed * beside_scale AS ratio,
    1 - 1 / unit AS spread,
    1 + (seen * scale + beside_missed * beside_scale) / scale / known AS spread_of_ratio,
    1 + (seen * scale + beside_missed * beside_scale) / beside_scale / known AS spread_beside,
    CASE FLOOR(seen + 0.5)
      WHEN 1 THEN {low_of_1}
      WHEN 2 THEN {low_of_2}
      WHEN 3 THEN {low_of_3}
    END AS exact_low,
    CASE beside_missed
      WHEN 1 THEN {low_of_1}
      WHEN 2 THEN {low_of_2}
      WHEN 3 THEN {low_of_3}
    END AS beside_exact_low
  FROM scaled
),
-- The score interval, and at 1 to 3 the exact lower limits: few .. many is for the number of missed,
-- ratio_few .. ratio_many and beside_few .. beside_many are for its ratio to the number of caught.
bounded AS (
  SELECT
    *,
    GREATEST(0.0, LEAST(
      seen + spread * {z} * {z} / 2
        - {z} * SQRT(spread * seen + {z} * {z} / 4 * spread * spread),
      COALESCE(seen - SQRT(spread) * (seen - exact_low), seen)
    )) AS few,
    seen + spread * {z} * {z} / 2
      + {z} * SQRT(spread * seen + {z} * {z} / 4 * spread * spread) AS many,
    GREATEST(0.0, LEAST(
      seen + spread_of_ratio * {z} * {z} / 2
        - {z} * SQRT(spread_of_ratio * seen + {z} * {z} / 4 * spread_of_ratio * spread_of_ratio),
      COALESCE(seen - SQRT(spread_of_ratio) * (seen - exact_low), seen)
    )) AS ratio_few,
    seen + spread_of_ratio * {z} * {z} / 2
      + {z} * SQRT(spread_of_ratio * seen + {z} * {z} / 4 * spread_of_ratio * spread_of_ratio)
      AS ratio_many,
    GREATEST(0.0, LEAST(
      beside_missed + spread_beside * {z} * {z} / 2
        - {z} * SQRT(spread_beside * beside_missed + {z} * {z} / 4 * spread_beside * spread_beside),
      COALESCE(beside_missed - SQRT(spread_beside) * (beside_missed - beside_exact_low), beside_missed)
    )) AS beside_few,
    beside_missed + spread_beside * {z} * {z} / 2
      + {z} * SQRT(spread_beside * beside_missed + {z} * {z} / 4 * spread_beside * spread_beside)
      AS beside_many,
    (audits - audits_answered) * mean_weight + beside - beside_answered AS hidden,
    escalated - escalated_answered AS waiting
  FROM spread
),
-- The distances of the two strata from their limits are added in squares.
added AS (
  SELECT
    *,
    SQRT(POW((seen - ratio_few) * scale, 2)
      + IF(beside_answered > 0, POW((beside_missed - beside_few) * beside_scale, 2), 0.0)) AS below,
    SQRT(POW((ratio_many - seen) * scale, 2)
      + IF(beside_answered > 0, POW((beside_many - beside_missed) * beside_scale, 2), 0.0)) AS above
  FROM bounded
)
SELECT
  run, mode, day, policy_id, screen_version,
  forced, escalated, escalated_answered, caught, cleared, audits, audits_answered, missed_seen,
  audit_weight, audit_squares, missed_weight, missed_squares,
  beside, beside_answered, beside_missed, cleared_weight,
  -- Null where nothing was audited: then nothing is known of what was missed.
  missed_weight * answering + missed_beside AS missed,
  GREATEST(few * unit * answering, missed_seen) + missed_beside AS missed_low,
  GREATEST(many * unit * answering, missed_seen) + missed_beside AS missed_high,
  caught / NULLIF(caught + ratio, 0) AS recall,
  COALESCE(caught / NULLIF(caught + ratio + above, 0), 0.0) AS recall_low,
  COALESCE(known / (known + GREATEST(0.0, ratio - below)), 1.0) AS recall_high,
  caught / NULLIF(caught + missed_weight + beside_missed + hidden, 0) AS recall_lowest,
  (caught + waiting) / NULLIF(caught + waiting + missed_weight + beside_missed, 0) AS recall_highest
FROM added
