-- One row per finished run.
CREATE TABLE IF NOT EXISTS `{dataset}.runs` (
  run STRING NOT NULL OPTIONS (description = 'live, or the name given to a replay'),
  mode STRING OPTIONS (description = 'enforce, shadow or replay'),
  cluster STRING OPTIONS (description = 'Kafka bootstrap servers'),
  topics STRING OPTIONS (description = 'Topics read, separated by commas'),
  policy_set STRING OPTIONS (description = 'Version of all policies in force together'),
  screen_version STRING OPTIONS (description = 'Key of the screens table'),
  audit_rate FLOAT64 OPTIONS (description = 'Share of cleared posts that was judged all the same'),
  weir_version STRING OPTIONS (description = 'Version of the program'),
  counts STRING OPTIONS (description = 'What the run counted, as JSON'),
  started_at TIMESTAMP OPTIONS (description = 'When it started'),
  ended_at TIMESTAMP OPTIONS (description = 'When it ended')
)
OPTIONS (description = 'Runs that came to their end')
