-- What does judging cost, by run, mode, day, policy, version, engine, model and effort?
--
-- A verdict counts once, however often it was delivered; what a repeated bundle computed twice is in
-- the metrics of the job. from_cache are answers taken from an equal post, reused those from one
-- that was nearly equal; both cost nothing;
-- tokens_computed are what the engine worked for: prompt tokens that its prefix cache did not hold,
-- and generated ones; policy_cache_share is how much of the policy it held, whatever the posts. requests
-- are what the engine was asked: one about several policies is shared out over their verdicts
-- (asked_together of them), a second effort (asked_twice) is one more. Sums are null where the engine
-- does not count tokens. day is that of the post.
--
-- What a policy's posts of that day, under all of its versions, asked of a judge is beside it, for 1,000
-- posts: after_first is what the linear heads alone would have sent, after_second what both stages did, and
-- saved_by_first and saved_by_second what each cleared; screen_cost has them by language.
CREATE OR REPLACE VIEW `{dataset}.judge_cost` AS
WITH screened AS (
  SELECT
    run, mode, day, policy_id,
    IF(MIN(COALESCE(posts, 0)) > 0, 1000 / SUM(posts), NULL) AS per_1000,
    SUM(requests) AS requests,
    SUM(saved_by_first) AS saved_by_first,
    SUM(saved_by_second) AS saved_by_second
  FROM `{dataset}.screen_cost`
  GROUP BY run, mode, day, policy_id
),
judged AS (
  SELECT
    run,
    mode,
    day,
    policy_id,
    policy_version,
    engine,
    model,
    effort,
    COUNT(*) AS verdicts,
    SUM(IF(cached AND reused_from IS NULL, 1, 0)) AS from_cache,
    SUM(IF(reused_from IS NOT NULL, 1, 0)) AS reused,
    SUM(IF(cached, 0, 1)) AS asked,
    SUM(COALESCE(requests, IF(cached, 0.0, 1.0))) AS requests,
    SUM(IF(asked_together IS NULL, 0, 1)) AS asked_together,
    SUM(IF(first_effort IS NULL, 0, 1)) AS asked_twice,
    SUM(IF(verdict = 'violates', 1, 0)) AS violating,
    SUM(IF(verdict = 'indeterminate', 1, 0)) AS indeterminate,
    SUM(tokens_in) AS tokens_in,
    SUM(tokens_cached) AS tokens_cached,
    SUM(tokens_out) AS tokens_out,
    SUM(tokens_reasoning) AS tokens_reasoning,
    SUM(tokens_in - COALESCE(tokens_cached, 0) + tokens_out) AS tokens_computed,
    SUM(tokens_cached) / NULLIF(SUM(tokens_in), 0) AS prefix_cache_share,
    SUM(LEAST(tokens_cached, tokens_policy)) / NULLIF(SUM(tokens_policy), 0) AS policy_cache_share,
    SUM(tokens_in - COALESCE(tokens_cached, 0) + tokens_out)
      / NULLIF(SUM(IF(verdict = 'violates', 1, 0)), 0) AS tokens_per_violation,
    APPROX_QUANTILES(IF(cached, NULL, latency_ms), 100)[SAFE_OFFSET(50)] AS median_latency_ms,
    APPROX_QUANTILES(IF(cached, NULL, latency_ms), 100)[SAFE_OFFSET(95)] AS p95_latency_ms
  FROM `{dataset}.distinct_verdicts`
  GROUP BY run, mode, day, policy_id, policy_version, engine, model, effort
)
SELECT
  run, mode, judged.* EXCEPT (run, mode),
  per_1000 * (screened.requests + saved_by_second) AS after_first_per_1000,
  per_1000 * screened.requests AS after_second_per_1000,
  per_1000 * saved_by_first AS saved_by_first_per_1000,
  per_1000 * saved_by_second AS saved_by_second_per_1000
FROM judged
LEFT JOIN screened USING (run, mode, day, policy_id)
