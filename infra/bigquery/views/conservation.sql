-- Has everything that was screened its decisions? Per run, whichever job judged it: pairs =
-- cleared + judged + deferred + unaccounted + those that are dead letters alone. unaccounted is 0 in
-- a finished run; in a running one it is what the judge has not answered yet. A message that died at
-- escalation no longer says which pair it was: that one is unaccounted, too. unrecorded are posts that
-- every policy cleared and that got no row because of --record-cleared, as finished runs counted
-- them: posts + unrecorded were screened. left_out are messages that they decided nothing about, and
-- runs.counts has their kinds: deletions, what --skip names, what a replay does not choose. A run is looked at whole, so this reads all of its days.
CREATE OR REPLACE VIEW `{dataset}.conservation` AS
WITH dead AS (
  SELECT
    run, stage, topic, `partition`, `offset`, policy_id,
    COUNT(DISTINCT decision_id) AS letters
  FROM `{dataset}.dead_letters`
  GROUP BY run, stage, topic, `partition`, `offset`, policy_id
),
dead_pairs AS (
  SELECT DISTINCT run, topic, `partition`, `offset`, policy_id
  FROM dead
  WHERE policy_id IS NOT NULL
),
dead_posts AS (
  SELECT
    run,
    SUM(IF(stage = 'decode', letters, 0)) AS dead_before_screen,
    SUM(IF(stage = 'escalation', letters, 0)) AS dead_at_escalation,
    SUM(IF(stage = 'judge', letters, 0)) AS dead_at_judge,
    SUM(IF(stage = 'write', letters, 0)) AS dead_at_write
  FROM dead
  GROUP BY run
),
posts AS (
  SELECT run, COUNT(*) AS posts
  FROM (SELECT DISTINCT run, topic, `partition`, `offset` FROM `{dataset}.screenings`) AS positions
  GROUP BY run
),
pairs AS (
  SELECT
    l.run,
    COUNT(*) AS pairs,
    SUM(IF(l.machine_label = 'cleared', 1, 0)) AS cleared,
    SUM(IF(l.verdict IS NOT NULL, 1, 0)) AS judged,
    SUM(IF(l.deferred AND d.run IS NULL, 1, 0)) AS deferred,
    SUM(IF(l.machine_label = 'undecided' AND NOT l.deferred AND d.run IS NULL, 1, 0)) AS unaccounted
  FROM `{dataset}.decisions` AS l
  LEFT JOIN dead_pairs AS d
    ON d.run = l.run AND d.topic = l.topic AND d.`partition` = l.`partition`
    AND d.`offset` = l.`offset` AND d.policy_id = l.policy_id
  WHERE l.machine_label IS NOT NULL
  GROUP BY l.run
),
unrecorded AS (
  SELECT
    run,
    SUM(CAST(JSON_VALUE(counts, '$.screenings_unrecorded') AS INT64)) AS unrecorded,
    SUM(CAST(JSON_VALUE(counts, '$.left_out') AS INT64)) AS left_out
  FROM `{dataset}.runs`
  GROUP BY run
),
every_run AS (
  SELECT run FROM pairs
  UNION DISTINCT
  SELECT run FROM dead_posts
)
SELECT
  r.run,
  COALESCE(posts.posts, 0) AS posts,
  COALESCE(dead_posts.dead_before_screen, 0) AS dead_before_screen,
  COALESCE(pairs.pairs, 0) AS pairs,
  COALESCE(pairs.cleared, 0) AS cleared,
  COALESCE(pairs.judged, 0) AS judged,
  COALESCE(pairs.deferred, 0) AS deferred,
  COALESCE(dead_posts.dead_at_escalation, 0) AS dead_at_escalation,
  COALESCE(dead_posts.dead_at_judge, 0) AS dead_at_judge,
  COALESCE(dead_posts.dead_at_write, 0) AS dead_at_write,
  COALESCE(pairs.unaccounted, 0) AS unaccounted,
  COALESCE(unrecorded.unrecorded, 0) AS unrecorded,
  COALESCE(unrecorded.left_out, 0) AS left_out
FROM every_run AS r
LEFT JOIN posts ON posts.run = r.run
LEFT JOIN pairs ON pairs.run = r.run
LEFT JOIN dead_posts ON dead_posts.run = r.run
LEFT JOIN unrecorded ON unrecorded.run = r.run
