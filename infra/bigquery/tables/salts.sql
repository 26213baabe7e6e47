-- One row for each purpose: the secret by which posts are drawn at random, and that of identifiers in
-- statements to regulators. Whoever reads them can tell which posts are meant.
CREATE TABLE IF NOT EXISTS `{dataset}.salts` (
  purpose STRING NOT NULL OPTIONS (description = 'What it is for: draws or statements'),
  salt STRING NOT NULL OPTIONS (description = '128 random bits; with another one other posts are drawn, and identifiers change'),
  recorded_at TIMESTAMP NOT NULL OPTIONS (description = 'When it was made; the first one counts')
)
OPTIONS (description = 'The secrets of random draws (audits, recorded posts, samples of replays) and of identifiers')
