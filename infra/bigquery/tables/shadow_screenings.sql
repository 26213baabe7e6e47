-- One row per post and attempt to write it, where a second screen runs beside the first. Nothing acts
-- on it and no other table or view knows of it: see screen_comparison.
CREATE TABLE IF NOT EXISTS `{dataset}.shadow_screenings` (
  decision_id STRING NOT NULL OPTIONS (description = 'The same for every retry of one decision'),
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  content_id STRING NOT NULL OPTIONS (description = 'Id of the post'),
  topic STRING NOT NULL OPTIONS (description = 'Kafka topic the post was read from'),
  `partition` INT64 NOT NULL OPTIONS (description = 'Kafka partition'),
  `offset` INT64 NOT NULL OPTIONS (description = 'Kafka offset'),
  created_at TIMESTAMP NOT NULL OPTIONS (description = 'When the post was written'),
  screened_at TIMESTAMP NOT NULL OPTIONS (description = 'When the second screen scored it'),
  language STRING OPTIONS (description = 'As the post declares it'),
  screen_version STRING NOT NULL OPTIONS (description = 'Key of the screens table, of the second screen'),
  policy_set STRING NOT NULL OPTIONS (description = 'Version of all policies in force together'),
  policies ARRAY<STRUCT<policy_id STRING, score FLOAT64, route STRING>> OPTIONS (description = 'What the second screen would have decided for each policy; route is clear, escalate, forced or empty (nothing to read)'),
  mode STRING OPTIONS (description = 'Mode of the run: enforce, shadow or replay'),
  shadow_policies ARRAY<STRING> OPTIONS (description = 'The policies of the set that are in shadow, where the run enforces'),
  recorded_probability FLOAT64 OPTIONS (description = 'Chance that a post like it got a row; below 1 only for posts that every policy cleared; null: 1'),
  record_cleared FLOAT64 OPTIONS (description = 'Share of the posts that every policy cleared that gets a row in this run; null: 1'),
  author_id STRING OPTIONS (description = 'Pseudonym of the author; null where no --author-field is given'),
  stages INT64 OPTIONS (description = 'Stages of the screen that read the post: 1, the linear heads; 2, the sentence encoder too'),
  detected_language STRING OPTIONS (description = 'Language or script as the screen tells it; a script stands for all of its languages, latin for a language not told'),
  threshold_version STRING OPTIONS (description = 'Key of the thresholds table; null where the thresholds are those of the screen'),
  audit_rate FLOAT64 OPTIONS (description = 'Chance of a cleared post to be audited in this run, where nothing raised it; null where an older version wrote the row')
)
PARTITION BY DATE(created_at)
CLUSTER BY run, content_id
OPTIONS (description = 'What a second screen would have decided; append-only, may hold copies of a decision_id')
