-- One row per post and policy that the judge's budget left for a later run, and attempt to write it.
CREATE TABLE IF NOT EXISTS `{dataset}.deferrals` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every deferral of one escalation'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  content_id STRING NOT NULL OPTIONS (description = 'Id of the post'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic the post was read from'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  created_at TIMESTAMP NOT NULL OPTIONS (description = 'When the post was written'),
  deferred_at TIMESTAMP NOT NULL OPTIONS (description = 'When it was set aside'),
  language STRING OPTIONS (description = 'As the post declares it'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy it waits to be judged by'),
  policy_version STRING NOT NULL OPTIONS (description = 'Key of the policies table, when it was screened'),
  screen_version STRING NOT NULL OPTIONS (description = 'Key of the screens table'),
  route STRING NOT NULL OPTIONS (description = 'Why it is to be judged: escalate, audit, forced, beside (cleared, and asked about in the request on other policies) or lesson; deferred where it was an audit and has left the sample'),
  score FLOAT64 OPTIONS (description = 'Score of the screen; null where it has no head for the policy'),
  inclusion_probability FLOAT64 NOT NULL OPTIONS (description = 'Chance that a post like it was to be judged; below 1 for audits and lessons'),
  author_id STRING OPTIONS (description = 'Pseudonym of the author; null where no --author-field is given')
)
PARTITION BY DATE(created_at)
CLUSTER BY run, policy_id
OPTIONS (description = 'What was set aside to be judged later, judged since or not; append-only, may hold copies of a decision_id')
