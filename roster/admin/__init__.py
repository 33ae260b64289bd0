from roster.admin import people, policies, schedules, tokens

__all__ = ["people", "policies", "schedules", "tokens"]
