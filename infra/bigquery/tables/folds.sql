-- One row whenever something has become of a day that weir fold looks at; the latest counts.
CREATE TABLE IF NOT EXISTS `{dataset}.folds` (
  day DATE NOT NULL OPTIONS (description = 'Day of the posts'),
  looked_at TIMESTAMP NOT NULL OPTIONS (description = 'When'),
  seen STRING NOT NULL OPTIONS (description = 'Rows of the day in each table that labels are made of, and the hash of the statement that makes them, as JSON'),
  held STRING OPTIONS (description = 'What was seen when folded_labels got its rows of the day; null where it has none'),
  in_use BOOL NOT NULL OPTIONS (description = 'The view labels reads folded_labels for this day')
)
OPTIONS (description = 'Days that are folded, and what they were made of; append-only')
