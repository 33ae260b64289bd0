"""Scripts that print figures and ratios: `uv run python -m tests.benchmarks.<name>`."""
