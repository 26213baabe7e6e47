-- Which verdicts are there, each once, however often it was delivered?
--
-- Of the rows with one decision_id the first counts. day is that of the post, so that a filter on it
-- reads only the partitions it names.
CREATE OR REPLACE VIEW `{dataset}.distinct_verdicts` AS
WITH dated AS (
  SELECT *, DATE(created_at) AS day
  FROM `{dataset}.verdicts`
)
SELECT *
FROM dated
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY run, day, created_at, decision_id ORDER BY judged_at, verdict, rationale
) = 1
