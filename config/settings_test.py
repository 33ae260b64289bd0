"""Settings of the test suite: overrides only.

`DATABASE_URL` is obeyed, so that the same suite runs on PostgreSQL. Redis is left to the
end-to-end suites, which start processes of their own: here a bell rings in memory, unheard.
"""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="muster-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["DATA_DIR"] = _data_dir
# Playwright leaves its event loop running in the process, where Django would then refuse to work.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz")
for name in ("PUBLIC_URL", "EMAIL_URL", "ALLOWED_HOSTS", "DEBUG", "TIME_ZONE", "METRICS_TOKEN"):
    os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403 (the settings read the environment set above)
from config.settings import DATABASES, IS_EMBEDDED  # noqa: E402

if IS_EMBEDDED:
    # Said here because pytest-django knows Django's own SQLite backend only, and would give each
    # test process a file of its own in a folder that is not there.
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
INTAKE_UPKEEP = False
