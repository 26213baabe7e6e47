-- One row per thing that became of a screen that the judge's verdicts teach.
CREATE TABLE IF NOT EXISTS `{dataset}.promotions` (
  run STRING NOT NULL OPTIONS (description = 'Name of the run that the screens decide in'),
  decided_at TIMESTAMP NOT NULL OPTIONS (description = 'When; workers follow within seconds'),
  step STRING NOT NULL OPTIONS (description = 'begin (with a screen as it is), candidate (one that has learned is in shadow), promote (it decides, and what decided is in shadow), put back (that one decides again), withdraw (what was in shadow finds less), open (a head whose certificate the audits refute is gone: all of its posts are judged)'),
  screen_version STRING NOT NULL OPTIONS (description = 'Key of the screens table: the screen that this is about'),
  other_version STRING OPTIONS (description = 'The screen that it was compared with, or took the place of'),
  attempt INT64 OPTIONS (description = 'Number of the candidate: the more there were, the more it has to win'),
  e_value FLOAT64 OPTIONS (description = 'What bets on what was learned made of a stake of 1, 20 promote; see transforms/screen/teaching/promotion.py'),
  verdicts INT64 OPTIONS (description = 'Verdicts that the candidate has learned from'),
  policies STRING OPTIONS (description = 'Policies whose heads have learned, or are gone, separated by commas'),
  reason STRING NOT NULL OPTIONS (description = 'Why, in plain words'),
  decided_by STRING NOT NULL OPTIONS (description = 'Who or what: a program and its version, or the account that called it')
)
OPTIONS (description = 'Screens that learned, and when they began and ceased to decide; append-only')
