-- One row per change that somebody made through the console.
CREATE TABLE IF NOT EXISTS `{dataset}.console_actions` (
  action_id STRING NOT NULL OPTIONS (description = 'Of this change alone'),
  done_at TIMESTAMP NOT NULL OPTIONS (description = 'When'),
  person STRING NOT NULL OPTIONS (description = 'Who, as the console knows them'),
  role STRING NOT NULL OPTIONS (description = 'reader, reviewer, policy writer or operator'),
  what STRING NOT NULL OPTIONS (description = 'What was done, such as policy-promote'),
  subject STRING NOT NULL OPTIONS (description = 'What it was done to: a policy, a run, a decision'),
  run STRING OPTIONS (description = 'The run that the page was about'),
  why STRING OPTIONS (description = 'The reason that the person gave; escape it where it is shown'),
  detail STRING OPTIONS (description = 'What else tells it apart, as JSON')
)
PARTITION BY DATE(done_at)
OPTIONS (description = 'What people changed through the console; append-only')
