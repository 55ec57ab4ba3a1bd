"""The processes that tools/gpu_bench/compare.py starts, none of which may take longer than it has time."""

import json
import os
import pathlib
import selectors
import signal
import subprocess
import time


class Expired(Exception):
    """Something took longer than it had time for, and was ended."""


def end_group(process):
    """Ends a process that leads a group of its own, and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_program(command, seconds, environment):
    """What it prints. Throws Expired, and SubprocessError with its last words if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
                               preexec_fn=os.setpgrp)
    try:
        output, errors = process.communicate(timeout=max(seconds, 0.1))
    except subprocess.TimeoutExpired:
        raise Expired(f"ended after {seconds:.0f} s") from None
    finally:
        if process.returncode is None:
            end_group(process)
    if process.returncode != 0:
        lines = [line for line in errors.splitlines() if line.strip()]
        raise subprocess.SubprocessError(f"exit status {process.returncode}: {lines[-1] if lines else 'no message'}")
    return output


class Peer:
    """torch_peer.py, started when it is first asked something and again after it had to be ended."""

    def __init__(self, python, device, environment):
        self.command = [python, str(pathlib.Path(__file__).with_name("torch_peer.py")), "--device", device]
        self.environment = environment
        self.process = None
        self.why = self.missing(python)

    def missing(self, python):
        if python == "none":
            return "no PyTorch was asked for"
        found = subprocess.run([python, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"], check=False,
                               capture_output=True, env=self.environment)
        return f"{python} has no PyTorch" if found.returncode else ""

    @property
    def available(self):
        return not self.why

    def ask(self, request, seconds):
        """Its answer. Throws Expired if there is none in time."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment,
                                            preexec_fn=os.setpgrp)
        deadline = time.monotonic() + seconds
        answer = b""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            while not answer.endswith(b"\n"):
                answer += self.read(deadline)
        except (Expired, BrokenPipeError, EOFError) as error:
            status = self.process.poll()
            self.close()
            if isinstance(error, Expired):
                raise Expired(f"ended after {seconds:.0f} s") from None
            return {"error": f"PyTorch's process ended with status {status}"}
        return json.loads(answer)

    def read(self, deadline):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise Expired
        part = os.read(self.process.stdout.fileno(), 1 << 16)
        if not part:
            raise EOFError
        return part

    def close(self):
        if self.process is not None:
            end_group(self.process)
            self.process = None
