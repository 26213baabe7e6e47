"""What the judge may spend, from the options."""

from weir.pipelines.options.judging import SpendingOptions
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.reuse import ReuseSettings


def budgets_of(said: SpendingOptions) -> tuple[Budget, Budget]:
    """Return the budget, and that of policies in shadow alone."""
    return (
        Budget(said.budget_requests_per_second, said.budget_tokens_per_second, said.budget_share),
        Budget(said.shadow_budget_requests_per_second, share=said.shadow_budget_share),
    )


def reuse_of(said: SpendingOptions) -> ReuseSettings | None:
    """Return how verdicts are taken by near-copies, None where every one is judged."""
    if not said.judge_reuse_mb:
        return None
    size = max(1, int(said.judge_reuse_mb * (1 << 20)))
    return ReuseSettings(size, said.judge_reuse_check, said.judge_reuse_agreement)
