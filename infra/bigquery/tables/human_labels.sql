-- One row per reviewer's decision on a post and policy, and attempt to write it.
CREATE TABLE IF NOT EXISTS `{dataset}.human_labels` (
  review_id STRING NOT NULL OPTIONS (description = 'The same for every import of one decision'),
  run STRING NOT NULL OPTIONS (description = 'The run whose label was reviewed: live, or the name of a replay'),
  content_id STRING NOT NULL OPTIONS (description = 'Id of the post'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic the post was read from'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  created_at TIMESTAMP NOT NULL OPTIONS (description = 'When the post was written'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy it was reviewed by'),
  policy_version STRING OPTIONS (description = 'Key of the policies table; null where the reviewer did not say'),
  human_verdict STRING NOT NULL OPTIONS (description = 'violates, safe, or undone: the reviewer took back what he said before'),
  reviewer STRING NOT NULL OPTIONS (description = 'Who decided, as the team names its reviewers'),
  reviewed_at TIMESTAMP NOT NULL OPTIONS (description = 'When the reviewer decided'),
  note STRING OPTIONS (description = 'Why, in the words of the reviewer; escape it where it is shown'),
  author_id STRING OPTIONS (description = 'Pseudonym of the author of the post, where one is kept')
)
PARTITION BY DATE(created_at)
CLUSTER BY run, policy_id
OPTIONS (description = 'What reviewers decided; append-only, the latest decision counts, of those that their reviewers have not undone')
