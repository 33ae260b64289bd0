"""A real Nagios and a real Icinga 2 from Debian, that notify by our script.

Both get the snippets of the integration's page, with only the paths changed. Debian's own objects
(templates, time periods, command definitions) are read beside ours. The scripts that come with
Icinga 2 only send mail: there is nothing in them to point at us.
"""

import contextlib
import getpass
import grp
import os
import pwd
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from incidents.intake.snippets import snippet
from tests.e2e.stack import wait_until

HOST, SERVICE = "web-1", "HTTP"

NAGIOS = """
log_file={folder}/nagios.log
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file={folder}/muster.cfg
cfg_file={folder}/web.cfg
object_cache_file={folder}/objects.cache
status_file={folder}/status.dat
lock_file={folder}/nagios.pid
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
command_file={folder}/commands
query_socket={folder}/nagios.qh
nagios_user={user}
nagios_group={group}
check_external_commands=1
use_syslog=0
interval_length=1
check_result_reaper_frequency=1
check_for_updates=0
retain_state_information=0
enable_flap_detection=0
service_inter_check_delay_method=n
host_inter_check_delay_method=n
illegal_macro_output_chars=`~$&|'"<>
"""
NAGIOS_OBJECTS = """
define command {
    command_name    check_file
    command_line    /bin/sh {folder}/check $ARG1$
}
define host {
    use                      generic-host
    host_name                web-1
    alias                    Web 1
    address                  192.0.2.10
    check_command            check_file!host
    max_check_attempts       1
    check_interval           1
    notification_interval    0
    contact_groups           null
    contacts                 muster
}
define service {
    use                      generic-service
    host_name                web-1
    service_description      HTTP
    check_command            check_file!service
    max_check_attempts       1
    check_interval           1
    retry_interval           1
    notification_interval    0
    contact_groups           null
    contacts                 muster
}
"""
ICINGA = """
include <itl>
const NodeName = "monitoring"
const ZoneName = "monitoring"
object CheckerComponent "checker" { }
object NotificationComponent "notification" { }
object ExternalCommandListener "command" { command_path = "{folder}/commands" }
include "{folder}/muster.conf"
object CheckCommand "file" { command = [ "/bin/sh", "{folder}/check", "$which$" ] }
object Host "web-1" {
  display_name = "Web 1"
  address = "192.0.2.10"
  check_command = "file"
  vars.which = "host"
  check_interval = 1s
  retry_interval = 1s
  max_check_attempts = 1
}
object Service "HTTP" {
  host_name = "web-1"
  check_command = "file"
  vars.which = "service"
  check_interval = 1s
  retry_interval = 1s
  max_check_attempts = 1
}
"""
ICINGA_PLACES = {
    "DataDir": "data", "CacheDir": "cache", "LogDir": "log", "InitRunDir": "run",
    "SpoolDir": "results", "PidPath": "run/pid", "ModAttrPath": "data/modified",
    "ObjectsPath": "cache/objects", "VarsPath": "cache/vars", "StatePath": "data/state",
}  # fmt: skip


@dataclass
class HostMonitoring:
    """One host with one service, whose state `say` sets; everything else is up to the daemon."""

    kind: str
    folder: Path
    ingest_url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start with all well."""
        for name in ("results", "data", "cache", "log", "run"):
            (self.folder / name).mkdir(parents=True)
        self._write("check", 'cat "{folder}/$1.output"\nexit "$(cat "{folder}/$1.code")"\n')
        self.say(0, "fine", which="host")
        self.say(0, "fine")
        script = snippet("muster-notify.sh").replace("{url}", self.ingest_url)
        script = script.replace("/var/spool/muster-notify", f"{self.folder}/spool")
        (self.folder / "muster-notify").write_text(script)
        (self.folder / "muster-notify").chmod(0o700)
        command = self._nagios() if self.kind == "nagios" else self._icinga()
        with (self.folder / "daemon.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                 env=os.environ | {"ICINGA2_USER": _user(),
                                                   "ICINGA2_GROUP": _group()})
            )  # fmt: skip
        wait_until("the monitoring", lambda: (self.folder / "commands").is_fifo())

    def _nagios(self) -> list[str]:
        self._write("nagios.cfg", NAGIOS)
        self._write("web.cfg", NAGIOS_OBJECTS)
        self._install("nagios.cfg", "muster.cfg")
        return ["nagios4", str(self.folder / "nagios.cfg")]

    def _icinga(self) -> list[str]:
        self._write("icinga2.conf", ICINGA)
        self._install("icinga2.conf", "muster.conf")
        places = (
            f"-DConfiguration.{name}={self.folder / at}" for name, at in ICINGA_PLACES.items()
        )
        return ["icinga2", "daemon", "-x", "warning", "-c", f"{self.folder}/icinga2.conf", *places]

    def _install(self, name: str, at: str) -> None:
        text = snippet(name).replace("/usr/local/bin/muster-notify", f"{self.folder}/muster-notify")
        (self.folder / at).write_text(text)

    def _write(self, name: str, text: str) -> None:
        filled = {"{folder}": str(self.folder), "{user}": _user(), "{group}": _group()}
        for placeholder, value in filled.items():
            text = text.replace(placeholder, value)
        (self.folder / name).write_text(text)

    def say(self, code: int, output: str, *, which: str = "service") -> None:
        """What the plugin will answer from now on: its exit code, and its output."""
        (self.folder / f"{which}.output").write_text(output + "\n")
        (self.folder / f"{which}.code").write_text(str(code))

    def acknowledge(self, author: str, comment: str) -> None:
        """Acknowledge the service's problem, as its own web page does."""
        command = f"ACKNOWLEDGE_SVC_PROBLEM;{HOST};{SERVICE};1;1;1;{author};{comment}"
        with (self.folder / "commands").open("w") as pipe:
            pipe.write(f"[{int(time.time())}] {command}\n")

    def waiting(self) -> int:
        """How many events wait in the script's folder."""
        return len(list((self.folder / "spool" / "waiting").iterdir()))

    def stop(self) -> None:
        """Stop it, and what its script left running."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def _user() -> str:
    return getpass.getuser()


def _group() -> str:
    return grp.getgrgid(pwd.getpwnam(_user()).pw_gid).gr_name
