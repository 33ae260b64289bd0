"""Lists of networks, as settings name them."""

from ipaddress import ip_network

from django.core.exceptions import ImproperlyConfigured
from environs import Env


def networks(env: Env, name: str) -> list[str]:
    """The networks of a comma-separated variable, each as CIDR. Refuses what is none."""
    listed: list[str] = env.list(name, [])
    try:
        return [str(ip_network(each.strip())) for each in listed if each.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must list networks such as 10.1.0.0/16, separated by commas: {error}."
        ) from error
