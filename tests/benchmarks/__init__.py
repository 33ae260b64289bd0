"""Scripts that print figures and ratios; run one with `uv run python -m tests.benchmarks.<name>`."""
