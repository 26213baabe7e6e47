-- One row: the secret by which posts are drawn at random. Whoever reads it can tell which posts are.
CREATE TABLE IF NOT EXISTS `{dataset}.salts` (
  purpose STRING NOT NULL OPTIONS (description = 'What is drawn by it: draws'),
  salt STRING NOT NULL OPTIONS (description = '128 random bits; with another one other posts are drawn'),
  recorded_at TIMESTAMP NOT NULL OPTIONS (description = 'When it was made; the first one counts')
)
OPTIONS (description = 'The secret of random draws: audits, recorded posts, samples of replays')
