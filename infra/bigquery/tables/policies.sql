-- One row per policy version that ever decided.
CREATE TABLE IF NOT EXISTS `{dataset}.policies` (
  policy_version STRING NOT NULL OPTIONS (description = 'Hash of everything that can change a verdict'),
  policy_id STRING NOT NULL OPTIONS (description = 'The policy'),
  title STRING OPTIONS (description = 'For people'),
  owner STRING OPTIONS (description = 'Who answers for it'),
  status STRING OPTIONS (description = 'active or shadow, when it was first used'),
  effort STRING OPTIONS (description = 'low, medium or high; the first of two'),
  contract STRING OPTIONS (description = 'Form of the answer: label, label-rules or json'),
  text STRING OPTIONS (description = 'What the model reads, verbatim'),
  labels STRING OPTIONS (description = 'What each label means, as JSON'),
  rules STRING OPTIONS (description = 'Rule ids and what they forbid, as JSON'),
  recorded_at TIMESTAMP OPTIONS (description = 'When it was first used'),
  second_effort STRING OPTIONS (description = 'At which posts in doubt are asked about again; null where there is none'),
  effort_band STRING OPTIONS (description = 'From and to which probability a post is in doubt, as JSON; null where there is one effort')
)
CLUSTER BY policy_id
OPTIONS (description = 'Policy documents, by version')
