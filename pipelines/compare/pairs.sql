-- Every post and policy that either side decided, once, with what each side decided. A side is a
-- run (the label of its screen and judge) or a policy version (its verdicts). Of copies of one
-- decision the first counts, and of several decisions the latest, as in the labels view. Of a whole
-- run a shadow decision counts only where the policy has no other kind in it. A language is the one
-- that the post declares, if it is a code, and else that of the script.
WITH
{sides},
pairs AS (
  SELECT
    topic, `partition`, `offset`, policy_key,
    COALESCE(b.policy_id, a.policy_id) AS policy_id,
    COALESCE(b.content_id, a.content_id) AS content_id,
    COALESCE(b.created_at, a.created_at) AS created_at,
    COALESCE(b.language, a.language) AS language,
    COALESCE(NULLIF(b.text, ''), NULLIF(a.text, '')) AS text,
    COALESCE(a.score, b.score) AS score,
    CASE
      WHEN b.label = 'violates' THEN b.category
      WHEN a.label = 'violates' THEN a.category
    END AS category,
    a.label AS label_a, b.label AS label_b,
    a.decision_id AS decision_id_a, b.decision_id AS decision_id_b,
    a.probability AS probability_a, b.probability AS probability_b,
    a.certainty AS certainty_a, b.certainty AS certainty_b,
    a.rule_ids AS rule_ids_a, b.rule_ids AS rule_ids_b,
    a.rationale AS rationale_a, b.rationale AS rationale_b,
    a.reason AS reason_a, b.reason AS reason_b,
    a.requests AS requests_a, b.requests AS requests_b,
    a.cached AS cached_a, b.cached AS cached_b,
    a.tokens_in AS tokens_in_a, b.tokens_in AS tokens_in_b,
    a.tokens_out AS tokens_out_a, b.tokens_out AS tokens_out_b
  FROM a FULL JOIN b USING (topic, `partition`, `offset`, policy_key)
),
described AS (
  SELECT
    *,
    CASE
      WHEN REGEXP_CONTAINS(language, r'^[A-Za-z]{2,3}([-_][A-Za-z0-9_-]{1,20})?$')
        THEN LOWER(REGEXP_REPLACE(language, r'[-_].*', ''))
      WHEN text IS NULL THEN 'unknown'
      WHEN REGEXP_CONTAINS(text, r'\p{Hangul}') THEN 'Hangul script'
      WHEN REGEXP_CONTAINS(text, r'\p{Hiragana}|\p{Katakana}') THEN 'Japanese script'
      WHEN REGEXP_CONTAINS(text, r'\p{Han}') THEN 'Han script'
      WHEN REGEXP_CONTAINS(text, r'\p{Cyrillic}') THEN 'Cyrillic script'
      WHEN REGEXP_CONTAINS(text, r'\p{Arabic}') THEN 'Arabic script'
      WHEN REGEXP_CONTAINS(text, r'\p{Hebrew}') THEN 'Hebrew script'
      WHEN REGEXP_CONTAINS(text, r'\p{Greek}') THEN 'Greek script'
      WHEN REGEXP_CONTAINS(text, r'\p{Devanagari}') THEN 'Devanagari script'
      WHEN REGEXP_CONTAINS(text, r'\p{Thai}') THEN 'Thai script'
      WHEN REGEXP_CONTAINS(text, r'\p{Latin}') THEN 'Latin script'
      ELSE 'no letters'
    END AS language_band,
    CASE
      WHEN text IS NULL THEN 'unknown'
      WHEN CHAR_LENGTH(text) < 50 THEN '1-49'
      WHEN CHAR_LENGTH(text) < 200 THEN '50-199'
      WHEN CHAR_LENGTH(text) < 1000 THEN '200-999'
      ELSE '1000 or more'
    END AS length_band,
    CASE
      WHEN score IS NULL THEN 'no score'
      WHEN score < 0.2 THEN '0-19'
      WHEN score < 0.4 THEN '20-39'
      WHEN score < 0.6 THEN '40-59'
      WHEN score < 0.8 THEN '60-79'
      ELSE '80-100'
    END AS score_band
  FROM pairs
)
