-- Where do reviewers contradict the machine? One row per post and policy reviewed otherwise.
--
-- machine_label is what stood before the review: violates or safe by the judge, cleared by the
-- screen. Where the judge could not tell, or has not judged yet, there is nothing to contradict. A
-- review counts for the version of the policy it was made under: once a newer version has judged the
-- post, it is no longer here.
CREATE OR REPLACE VIEW `{dataset}.disagreements` AS
SELECT
  run, mode, DATE(created_at) AS day, created_at, policy_id, policy_version,
  topic, `partition`, `offset`, content_id, language, text,
  machine_label, human_verdict, reviewer, reviewed_at,
  route, score, probability, rationale, rule_ids, model, screen_version, author_id
FROM `{dataset}.labels`
WHERE human_verdict IS NOT NULL
  AND machine_label IN ('violates', 'safe', 'cleared')
  AND (human_verdict = 'violates') != (machine_label = 'violates')
