-- One row per replay that was begun, finished or not.
CREATE TABLE IF NOT EXISTS `{dataset}.replays` (
  run STRING NOT NULL OPTIONS (description = 'Name of the replay'),
  configuration STRING NOT NULL OPTIONS (description = 'What decides its rows, as JSON; another one needs another name'),
  digest STRING NOT NULL OPTIONS (description = 'Hash of the configuration'),
  slices STRING NOT NULL OPTIONS (description = 'Offsets of the slice: topic, partition, first, end and topic id, as JSON'),
  sample FLOAT64 NOT NULL OPTIONS (description = 'Share of the posts that was drawn; part of every inclusion_probability'),
  begun_at TIMESTAMP NOT NULL OPTIONS (description = 'When it was first started')
)
OPTIONS (description = 'Replays that were begun')
