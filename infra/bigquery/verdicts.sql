-- One row per post and policy judged, and attempt to write it.
CREATE TABLE IF NOT EXISTS `{dataset}.verdicts` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every retry of one decision'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  mode STRING NOT NULL OPTIONS (description = 'enforce, shadow or replay; only enforce is acted on'),
  content_id STRING NOT NULL OPTIONS (description = 'Id of the post'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic the post was read from'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  created_at TIMESTAMP NOT NULL OPTIONS (description = 'When the post was written'),
  judged_at TIMESTAMP NOT NULL OPTIONS (description = 'When the judge answered'),
  language STRING OPTIONS (description = 'As the post declares it'),
  text STRING NOT NULL OPTIONS (description = 'The post; hostile input, escape it where it is shown'),
  attributes STRING OPTIONS (description = 'The rest of the message, as JSON'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy it was judged by'),
  policy_version STRING NOT NULL OPTIONS (description = 'Key of the policies table'),
  screen_version STRING NOT NULL OPTIONS (description = 'Key of the screens table'),
  route STRING NOT NULL OPTIONS (description = 'Why it was judged: escalate, audit, forced or deferred'),
  score FLOAT64 OPTIONS (description = 'Score of the screen; null where it has no head for the policy'),
  inclusion_probability FLOAT64 NOT NULL OPTIONS (description = 'Chance that a post like it was judged; below 1 for audits'),
  verdict STRING NOT NULL OPTIONS (description = 'violates, safe or indeterminate, which is never safe'),
  probability FLOAT64 OPTIONS (description = 'Probability of a violation, 0 to 1'),
  categories ARRAY<STRING> OPTIONS (description = 'As the judge named them'),
  rule_ids ARRAY<STRING> OPTIONS (description = 'Rules of the policy that decided'),
  rationale STRING OPTIONS (description = 'The explanation; provoked by the post, so escape it too'),
  reasoning STRING OPTIONS (description = 'What the model thought on the way'),
  reason STRING OPTIONS (description = 'Why it is indeterminate'),
  engine STRING NOT NULL OPTIONS (description = 'What ran the model'),
  model STRING NOT NULL OPTIONS (description = 'The model'),
  effort STRING NOT NULL OPTIONS (description = 'low, medium or high'),
  tokens_in INT64 OPTIONS (description = 'Prompt tokens'),
  tokens_cached INT64 OPTIONS (description = 'Prompt tokens found in the prefix cache'),
  tokens_out INT64 OPTIONS (description = 'Generated tokens'),
  latency_ms FLOAT64 OPTIONS (description = 'From submission to the answer'),
  cached BOOL NOT NULL OPTIONS (description = 'Taken from an earlier verdict on the same text')
)
PARTITION BY DATE(created_at)
CLUSTER BY run, policy_id, verdict
OPTIONS (description = 'What the judge decided; append-only, may hold copies of a decision_id')
