"""ONNX Runtime as it is used here: on the CPU, without a word to anybody, and again in every forked process.

Nothing else imports it: what it does on its own has to be switched off before it is loaded.
"""

import ctypes
import hashlib
import os
from threading import RLock
from typing import Any, TypeAlias
from weakref import WeakSet

from numpy.typing import NDArray

# While it is loaded, the runtime (1.29 and newer, outside Windows) writes an identifier of the machine and a queue of
# events into the home folder, looks up a name and uploads them. Releases up to 1.32 obey the first of these names; the
# second has the same meaning in packages beside it. They are set whatever they were before: that nothing leaves is
# promised without conditions.
SWITCHES = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
os.environ.update(dict.fromkeys(SWITCHES, "1"))

import onnxruntime  # noqa: E402 - as said

# For Windows, where the switches are not obeyed, and for a program that had loaded the runtime before.
onnxruntime.disable_telemetry_events()

Session: TypeAlias = onnxruntime.InferenceSession

starting = RLock()
"""Held by whoever starts a network or loads a model on demand, and by whoever forks."""


def start(content: bytes, *, threads: int | None = None) -> Session:
    """Start a network for the CPU; raises errors of the runtime, which share no public base class.

    Args:
        content: of an ONNX file.
        threads: threads for one operation; None leaves the choice to ONNX Runtime (one per physical core).
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    # Threads that keep spinning after a run would take a core from the other parts and from the selection.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Trying again with another provider is said on stdout, where data goes, and there is no other.
    return Session(content, options, ["CPUExecutionProvider"], enable_fallback=0)


class Network:
    """A network that starts when it is first needed. May be shared between threads, and goes on in a forked process.

    Args:
        content: of an ONNX file; kept, as a forked process may have no right to read the file again.
        threads: as for `start`.
    """

    def __init__(self, content: bytes, *, threads: int | None = None) -> None:
        self._content, self._threads = content, threads
        self._session: Session | None = None

    @property
    def sha256(self) -> str:
        """Of the file, in hexadecimal digits."""
        return hashlib.sha256(self._content).hexdigest()

    @property
    def session(self) -> Session:
        """The session of this process; raises as `start`."""
        session = self._session
        if session is not None:
            return session
        with starting:
            if self._session is None:
                self._session = start(self._content, threads=self._threads)
                _started.add(self)
            return self._session

    def run(self, outputs: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs for these inputs; raises as `start`."""
        results: list[NDArray[Any]] = self.session.run(outputs, inputs)
        return results

    def forget(self) -> None:
        """Leave the session that a forked process inherited, for a new one on demand.

        A session waits for its threads when it is destroyed, and a fork does not copy them: the process would never
        end. One more reference, which nobody gives back, keeps it until the process is gone.
        """
        if self._session is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


_started: WeakSet[Network] = WeakSet()


def _start_anew() -> None:
    for network in list(_started):
        network.forget()
    _started.clear()
    starting.release()


# Windows knows no fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=starting.acquire, after_in_parent=starting.release, after_in_child=_start_anew)
