-- One row per threshold that follows the stream, and process that used it, whenever one of its
-- language's changes; may hold copies of a threshold_version and policy.
CREATE TABLE IF NOT EXISTS `{dataset}.thresholds` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every retry'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic of the first post that it decided about'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition of that post'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset of that post'),
  threshold_version STRING NOT NULL OPTIONS (description = 'Hash of the thresholds of all heads for one language; screenings name it'),
  screen_version STRING NOT NULL OPTIONS (description = 'Key of the screens table'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy of the head'),
  language STRING NOT NULL OPTIONS (description = 'Language or script that it is for, as screenings.detected_language'),
  reason STRING NOT NULL OPTIONS (description = 'start, follows (the stream), stands, surge (an attack: it stays, and what is over the bound is deferred) or surge over'),
  threshold FLOAT64 NOT NULL OPTIONS (description = 'Score from which on a post goes to the judge'),
  share FLOAT64 NOT NULL OPTIONS (description = 'Share of the posts of the language that is asked for'),
  share_above FLOAT64 OPTIONS (description = 'Share of the latest ones that was above'),
  posts INT64 NOT NULL OPTIONS (description = 'Posts of the language that the process had seen'),
  decided_at TIMESTAMP NOT NULL OPTIONS (description = 'From when on it decided')
)
PARTITION BY DATE(decided_at)
CLUSTER BY run, policy_id, language
OPTIONS (description = 'Thresholds that follow the stream, by version')
