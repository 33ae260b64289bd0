"""Settings of the test suite: overrides only.

`DATABASE_URL` and `REDIS_URL` are obeyed, so that the same suite runs on PostgreSQL and Redis.
"""

import os
import tempfile

_data_dir = tempfile.TemporaryDirectory(prefix="muster-tests-")
os.environ["DATA_DIR"] = _data_dir.name
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz")
for name in ("PUBLIC_URL", "EMAIL_URL", "ALLOWED_HOSTS", "DEBUG", "TIME_ZONE", "METRICS_TOKEN"):
    os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403 (the settings read the environment set above)
from config.settings import REDIS_URL  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Each test process rings a bell of its own: nobody listens, and nobody else's worker wakes up.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"muster-tests-{_worker}-"}
else:
    CELERY_BROKER_URL = "memory://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
