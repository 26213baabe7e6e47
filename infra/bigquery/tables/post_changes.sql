-- One row per message by which a post was edited or deleted; the labels view takes the latest.
CREATE TABLE IF NOT EXISTS `{dataset}.post_changes` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every retry of one message'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  content_id STRING NOT NULL OPTIONS (description = 'Id of the post'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic that said so'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  change STRING NOT NULL OPTIONS (description = 'edited or deleted'),
  changed_at TIMESTAMP NOT NULL OPTIONS (description = 'When, as its system says, else Kafka'),
  recorded_at TIMESTAMP NOT NULL OPTIONS (description = 'When the job read it'),
  author_id STRING OPTIONS (description = 'Pseudonym of the author')
)
PARTITION BY DATE(changed_at)
CLUSTER BY run, topic, content_id
OPTIONS (description = 'Edits and deletions of posts; append-only')
