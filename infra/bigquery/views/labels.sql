-- What is the current label of every message and policy, and who decided it?
--
-- The label of decisions, which says more of its columns, unless the post's author changed the post
-- since, as the same run read in post_changes: of a post that was deleted every version is withdrawn,
-- of one that was edited all but the newest are superseded. decided_label is what it would be
-- otherwise. The newest is told by the time of each, of equal times by the offset.
CREATE OR REPLACE VIEW `{dataset}.labels` AS
WITH changed AS (
  SELECT run, topic, content_id, `partition`, `offset`, change, changed_at
  FROM `{dataset}.post_changes`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, topic, content_id ORDER BY changed_at DESC, `offset` DESC, `partition`
  ) = 1
)
SELECT
  d.* REPLACE (
    CASE
      WHEN c.change IS NULL THEN d.label
      WHEN c.change = 'deleted' THEN 'withdrawn'
      ELSE 'superseded'
    END AS label
  ),
  d.label AS decided_label,
  c.changed_at
FROM `{dataset}.decisions` AS d
LEFT JOIN changed AS c
  ON c.run = d.run AND c.topic = d.topic AND c.content_id = d.content_id
  AND (c.`partition` != d.`partition` OR c.`offset` != d.`offset`)
  AND (
    c.changed_at > d.created_at
    OR (c.changed_at = d.created_at AND c.`offset` > d.`offset`)
  )
