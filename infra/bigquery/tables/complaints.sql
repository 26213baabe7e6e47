-- One row per thing that happened to a complaint about a decision: it was received, it was decided.
CREATE TABLE IF NOT EXISTS `{dataset}.complaints` (
  complaint_id STRING NOT NULL OPTIONS (description = 'The same for every row of one complaint'),
  run STRING NOT NULL OPTIONS (description = 'The run that had decided: live, or the name of a replay'),
  decision_id STRING NOT NULL OPTIONS (description = 'The decision that is complained about, as in labels'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy of that decision'),
  created_at TIMESTAMP NOT NULL OPTIONS (description = 'When the post was written'),
  decision STRING NOT NULL OPTIONS (description = 'What the decision was when the complaint came: violates or safe, or what the machine said else'),
  open_until TIMESTAMP NOT NULL OPTIONS (description = 'Until when complaints about the decision are taken: six months after it'),
  state STRING NOT NULL OPTIONS (description = 'open, upheld (the decision stands) or overturned'),
  changed_at TIMESTAMP NOT NULL OPTIONS (description = 'When it came to that state; of open: when the complaint was received'),
  decided_by STRING OPTIONS (description = 'person or automated; null while it is open'),
  reviewer STRING OPTIONS (description = 'Who decided, as the team names its reviewers; null where nobody did')
)
CLUSTER BY run, policy_id
OPTIONS (description = 'Complaints about decisions, without what they say; append-only, the latest state counts')
