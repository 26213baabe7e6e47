-- Which versions of each policy judged on each day, and how much did each find?
--
-- One row per run, mode, day, policy and version. It counts what the screen sent to the judge, not
-- what was drawn at random, so that versions can be compared. On the day of a change version_before
-- is the version that judged before this one, on posts of the same day, and change is how much more
-- of what it judged violates. recorded_at is when the version was first used at all.
CREATE OR REPLACE VIEW `{dataset}.policy_changes` AS
WITH counted AS (
  SELECT
    run,
    mode,
    day,
    policy_id,
    policy_version,
    COUNT(*) AS judged,
    SUM(IF(verdict = 'violates', 1, 0)) AS violating,
    SUM(IF(verdict = 'safe', 1, 0)) AS safe,
    SUM(IF(verdict = 'indeterminate', 1, 0)) AS indeterminate,
    SUM(IF(verdict = 'violates', 1, 0)) / COUNT(*) AS violating_share,
    MIN(judged_at) AS first_judged_at,
    MAX(judged_at) AS last_judged_at
  FROM `{dataset}.distinct_verdicts`
  WHERE route IN ('escalate', 'forced')
  GROUP BY run, mode, day, policy_id, policy_version
),
compared AS (
  SELECT
    *,
    LAG(policy_version) OVER (
      PARTITION BY run, mode, day, policy_id ORDER BY first_judged_at, policy_version
    ) AS version_before,
    violating_share - LAG(violating_share) OVER (
      PARTITION BY run, mode, day, policy_id ORDER BY first_judged_at, policy_version
    ) AS change
  FROM counted
),
-- A small table without partitions: a version has one row, or a few where jobs started together.
versions AS (
  SELECT
    policy_version, MIN(title) AS title, MIN(owner) AS owner, MIN(recorded_at) AS recorded_at
  FROM `{dataset}.policies`
  GROUP BY policy_version
)
SELECT c.*, v.title, v.owner, v.recorded_at
FROM compared AS c
LEFT JOIN versions AS v ON v.policy_version = c.policy_version
