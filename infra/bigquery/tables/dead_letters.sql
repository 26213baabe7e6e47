-- One row per message, or post and policy, that could not be processed, and attempt to write it.
CREATE TABLE IF NOT EXISTS `{dataset}.dead_letters` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every retry of one failure'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  stage STRING NOT NULL OPTIONS (description = 'decode, escalation, judge or write'),
  reason STRING NOT NULL OPTIONS (description = 'A short code, to group by'),
  error STRING NOT NULL OPTIONS (description = 'A sentence, without the text of the post'),
  content_id STRING OPTIONS (description = 'Id of the post, where it is known'),
  policy_id STRING OPTIONS (description = 'The policy, where only this one failed'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic the message was read from'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  timestamp TIMESTAMP OPTIONS (description = 'Timestamp of the Kafka message'),
  key BYTES OPTIONS (description = 'Key of the message'),
  value BYTES OPTIONS (description = 'The message as it came; the refused row as JSON for stage write'),
  headers ARRAY<STRUCT<key STRING, value BYTES>> OPTIONS (description = 'Headers of the message'),
  attempts INT64 NOT NULL OPTIONS (description = 'How often it has died, redriven ones included'),
  died_at TIMESTAMP NOT NULL OPTIONS (description = 'When it failed'),
  author_id STRING OPTIONS (description = 'Pseudonym of the author; null where no --author-field is given')
)
PARTITION BY DATE(died_at)
CLUSTER BY run, stage, reason
OPTIONS (description = 'What could not be processed; append-only, may hold copies of a decision_id')
