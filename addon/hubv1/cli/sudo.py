"""Under sudo, the bridge runs as the user who called it.

Only listening on ports 80 and 443, to which a hosts file leads clients, needs root. So the process
restarts as that user and keeps this one right, and CA, journal and all other files belong to the
user.
"""

import os
import pwd
import shlex
import shutil
import sys
from collections.abc import Sequence

import click

from hubv1.cli.main import Failure

_RIGHT = "net_bind_service"


def caller() -> pwd.struct_passwd | None:
    """The user who called sudo; None if nobody did."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdecimal() or int(uid) == 0:
        return None
    try:
        return pwd.getpwuid(int(uid))
    except KeyError:
        return None


def use_callers_home() -> None:
    """Make `~` the home of the user who called sudo, where the bridge keeps its journal."""
    user = caller()
    if user is not None:
        os.environ["HOME"] = user.pw_dir


def become_caller(program: str) -> None:
    """Restart this process as the user who called sudo; returns if nobody did."""
    user = caller()
    if user is None:
        return
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Failure(
            "under sudo the bridge runs as the user who called it, and needs setpriv for that. "
            "Install the package util-linux."
        )
    click.echo(f"{program}: running as {user.pw_name}, with CA and journal of that user", err=True)
    identity = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    rights = [f"--{kind}-caps=-all,+{_RIGHT}" for kind in ("inh", "ambient")]
    user_and_group = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    command = [setpriv, *user_and_group, *rights, "--", sys.executable, *sys.orig_argv[1:]]
    os.execve(setpriv, command, os.environ | identity)  # noqa: S606  # no shell is the point


def with_sudo(program: str, arguments: Sequence[str] = ()) -> str:
    """The command line for the program with these arguments under sudo.

    It has the whole path, since sudo does not search the folders of pipx.
    """
    name, *subcommand = program.split(" ")
    path = name if "/" in name else shutil.which(name) or name
    return shlex.join(["sudo", path, *subcommand, *arguments])
