from incidents.admin import actions, catalogue, declare, incidents, monitoring, panels, people

__all__ = ["actions", "catalogue", "declare", "incidents", "monitoring", "panels", "people"]
