from roster.admin import layers, overrides, people, policies, schedules, tokens

__all__ = ["layers", "overrides", "people", "policies", "schedules", "tokens"]
