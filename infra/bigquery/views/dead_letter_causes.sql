-- Why do messages die, by run and day? Order by letters DESC for the most frequent causes.
--
-- A letter counts once for each day: the day is part of the key so that a filter on it reads only its
-- partitions, and a retry that straddles midnight counts on both.
CREATE OR REPLACE VIEW `{dataset}.dead_letter_causes` AS
WITH first_copies AS (
  SELECT *
  FROM `{dataset}.dead_letters`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY run, DATE(died_at), decision_id ORDER BY died_at) = 1
)
SELECT
  run,
  DATE(died_at) AS day,
  stage,
  reason,
  policy_id,
  COUNT(*) AS letters,
  MAX(attempts) AS most_attempts,
  MIN(error) AS example,
  MIN(died_at) AS first_at,
  MAX(died_at) AS last_at
FROM first_copies
GROUP BY run, day, stage, reason, policy_id
