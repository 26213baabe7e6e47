-- One row per screen that ever decided.
CREATE TABLE IF NOT EXISTS `{dataset}.screens` (
  screen_version STRING NOT NULL OPTIONS (description = 'Hash of the screen'),
  card STRING OPTIONS (description = 'Heads, thresholds and how they were fitted, as JSON'),
  recorded_at TIMESTAMP OPTIONS (description = 'When it was first used')
)
OPTIONS (description = 'Screens, by version')
