-- What does each reviewer say of each post and policy?
--
-- The latest decision of each, once; none where it was undone. place is 1 for the reviewer who was
-- the first of that post, policy and version, and reviewers how many there are, so that a pair of
-- opinions is place 1 and place 2. day is that of the post.
CREATE OR REPLACE VIEW `{dataset}.latest_reviews` AS
WITH latest AS (
  SELECT *
  FROM `{dataset}.human_labels`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id, reviewer
    ORDER BY reviewed_at DESC, review_id, human_verdict
  ) = 1
)
SELECT
  review_id, run, DATE(created_at) AS day, created_at, topic, `partition`, `offset`, content_id,
  policy_id, policy_version, human_verdict, reviewer, reviewed_at, note, author_id,
  ROW_NUMBER() OVER (
    PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id, policy_version
    ORDER BY reviewed_at, reviewer
  ) AS place,
  COUNT(*) OVER (
    PARTITION BY run, created_at, topic, `partition`, `offset`, policy_id, policy_version
  ) AS reviewers
FROM latest
WHERE human_verdict != 'undone'
