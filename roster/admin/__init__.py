from roster.admin import coverage, layers, overrides, people, policies, schedules, tokens

__all__ = ["coverage", "layers", "overrides", "people", "policies", "schedules", "tokens"]
