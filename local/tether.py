"""Become a command that dies with its parent: `python -I -S tether.py PARENT_PID COMMAND...`.

An engine that outlives a killed service would keep its folder and its port. Linux can send a signal
to a process when the *thread* that forked it ends, so the caller must start this program from a
thread that lives as long as the service. Elsewhere there is no such signal and the command runs
untethered; `local.engine` then ends what was left behind at its next start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the signal was asked for; it will not be sent then.
        if os.getppid() != parent:
            return 1
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted here.
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
