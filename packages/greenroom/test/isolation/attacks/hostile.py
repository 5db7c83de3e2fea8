"""
A hostile coding agent. Speaks the Agent Client Protocol; the last line of the message is a JSON list of attempts, each `{"name", "try", ...}` with the
rest as arguments. Tries each in a process of its own, and leaves `results.json` in its working directory: what came of each, by name. "done" when the
attempt succeeded, otherwise what stopped it: an error's name ("EACCES"), a signal's ("SIGKILL"), a refusal of the API ("403 forbidden").

With a file as its argument it reads the attempts from there, and prints the results. What it changes when it succeeds, it changes back.
"""

import ctypes
import errno
import glob
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

libc = ctypes.CDLL(None, use_errno=True)
# Numbers that every 64-bit architecture with this code's system calls has alike, but for x86.
X86 = os.uname().machine == "x86_64"
PROCESS_VM_READV = 310 if X86 else 270
PIDFD_GETFD = 438
PTRACE_SEIZE = 0x4206
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND = 4096
MB = 1024 * 1024


def check(result):
    """Of a C function: raises what it set as `errno`."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


class Stopped(Exception):
    """By something that has no error number."""


# --- files


def read(path, holds=""):
    """`holds`: words of the real one, where there may be another in its place."""
    with open(path, "rb") as file:
        if holds.encode() not in file.read():
            raise Stopped("another file")


def listing(path, holds=""):
    names = os.listdir(path)
    if holds and holds not in names:
        raise Stopped("another folder")


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def create(folder, file="planted"):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, file)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(path)


def replace(path):
    os.rename(path, path + ".moved")
    os.rename(path + ".moved", path)


def open_up(path):
    os.chmod(path, os.stat(path).st_mode)


def hard_link(path):
    os.link(path, "linked")
    os.unlink("linked")


def through_link(path):
    os.symlink(path, "link")
    try:
        read("link")
    finally:
        os.unlink("link")


# --- processes


def victim(pid, started):
    """Where processes are hidden, the number may be somebody else's."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[19] == str(started):
                return pid
    except FileNotFoundError:
        pass
    raise ProcessLookupError(errno.ESRCH, "not seen")


def kill(pid, started):
    # A signal that nobody minds takes the same permission as any other.
    os.kill(victim(pid, started), signal.SIGWINCH)


def look(pid, started, file):
    path = f"/proc/{victim(pid, started)}/{file}"
    if file in ("cwd", "root"):
        os.readlink(path)
    elif file == "fd":
        os.listdir(path)
    else:
        os.close(os.open(path, os.O_RDWR if file == "mem" else os.O_RDONLY))


def trace(pid, started):
    check(libc.ptrace(PTRACE_SEIZE, victim(pid, started), None, None))


def read_memory(pid, started):
    victim(pid, started)
    with open(f"/proc/{os.getpid()}/maps") as maps:
        address = int(maps.read().split("-")[0], 16)
    # Any address: whether it is mapped there is asked after whether the caller may.
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_size_t * 2)(address, 8)
    try:
        check(libc.syscall(PROCESS_VM_READV, pid, local, 1, remote, 1, 0))
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def take_descriptor(pid, started):
    handle = os.pidfd_open(victim(pid, started))
    check(libc.syscall(PIDFD_GETFD, handle, 0, 0))


# --- sockets


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def listen(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
    os.unlink(path)


def call(method, url, path=None, port=None, body=None, headers=None):
    connection = Connection(path) if path else http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    text = None if body is None else json.dumps(body)
    connection.request(method, url, text, {"content-type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    if answer.status < 300:
        return
    try:
        code = json.loads(answer.read()).get("code", "")
    except ValueError:
        code = ""
    raise Stopped(f"{answer.status} {code}".strip())


# --- rights


def become(user=0, group=None):
    if group is not None:
        os.setgid(group)
    os.setuid(user)


def privileged_program(path):
    got = subprocess.run([path, "-u"], capture_output=True, text=True).stdout.strip()
    if got != "0":
        raise Stopped("no new privileges" if got == str(os.getuid()) else f"uid {got}")


def own_root(path):
    """Becomes root of a user namespace of its own, and reads the file as such."""
    uid = os.getuid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    with open("/proc/self/uid_map", "w") as ids:
        ids.write(f"0 {uid} 1")
    read(path)


def mount():
    check(libc.mount(b"/etc", b"/mnt", None, MS_BIND, None))


def change_root():
    os.chroot("/")


def leave_group():
    failure = Stopped("no control groups")
    for path in glob.glob("/sys/fs/cgroup/cgroup.procs") + glob.glob("/sys/fs/cgroup/*/cgroup.procs"):
        try:
            return write(path)
        except OSError as error:
            failure = error
    raise failure


def make_device():
    os.mknod("device", 0o20600, os.makedev(1, 1))
    os.unlink("device")


# --- git


def run(argv):
    ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode == 0:
        return ran.stdout.strip()
    said = ran.stderr.lower()
    for words, name in (("permission denied", "EACCES"), ("not a git repository", "EACCES"), ("does not exist", "ENOENT"), ("does not appear to be a git repository", "ENOENT")):
        if words in said:
            raise Stopped(name)
    raise Stopped(ran.stderr.strip() or f"exit code {ran.returncode}")


def git(*words):
    return run(["git", *words])


def deploy_planted(path, make):
    """Deploys a commit of what `make` puts into the index, and takes it back."""
    make()
    git("commit", "-q", "-m", "Plant")
    try:
        call("POST", "/deploy", path, body={"commit": git("rev-parse", "HEAD")})
    finally:
        git("reset", "-q", "--hard", "HEAD~1")


def deploy_link(path, target):
    def link():
        os.symlink(target, "planted")
        git("add", "planted")

    deploy_planted(path, link)


def deploy_submodule(path):
    deploy_planted(path, lambda: git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},planted"))


HOOKS = (
    "post-checkout post-commit post-merge post-index-change pre-auto-gc post-rewrite reference-transaction "
    "pre-receive update proc-receive post-receive post-update push-to-checkout fsmonitor-watchman pre-commit"
)


def plant_programs(witness):
    """Names a program wherever the clone can, and commits a file that one of them filters. The program notes who ran it, outside and in the clone."""
    program = os.path.abspath(".git/planted")
    with open(program, "w") as file:
        file.write(f"#!/bin/sh\nid -un >>{witness}\nid -un >>{program}.by\ncat\n")
    os.chmod(program, 0o755)
    os.makedirs(".git/hooks", exist_ok=True)
    for hook in HOOKS.split():
        if not os.path.lexists(f".git/hooks/{hook}"):
            os.symlink(program, f".git/hooks/{hook}")
    named = "core.sshCommand core.fsmonitor diff.external core.pager core.alternateRefsCommand uploadpack.packObjectsHook"
    for setting in f"{named} filter.planted.smudge filter.planted.clean core.gitProxy gpg.program".split():
        git("config", setting, program)
    with open(".git/info/attributes", "w") as file:
        file.write("* filter=planted diff=planted\n")
    with open(".gitattributes", "w") as file:
        file.write("* filter=planted\n")
    with open("filtered.txt", "a") as file:
        file.write("as committed\n")
    git("add", ".gitattributes", "filtered.txt")
    git("commit", "-q", "-m", "Filter")


def deploy_and_approve(path):
    """As a person would, says the request; then decides about it."""
    connection = Connection(path)
    headers = {"content-type": "application/json", "prefer": "respond-async"}
    body = {"commit": git("rev-parse", "HEAD"), "trigger": "manual", "reason": "planted"}
    connection.request("POST", "/deploy", json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    call("POST", "/approve", path, body={"id": answer.get("id", str(answer)), "by": "Ada"})


# --- exhaustion


def fill_memory(megabytes):
    kept = []
    try:
        for _ in range(megabytes):
            kept.append(bytearray(os.urandom(16) * (MB // 16)))
    except MemoryError:
        raise Stopped("ENOMEM")


def fork_many(count):
    children = []
    try:
        for _ in range(count):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def fill_disk(megabytes, folder="."):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = os.path.join(folder, "filler")
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(megabytes):
                file.write(b"x" * MB)
    finally:
        os.unlink(path)


def open_many(count):
    opened = []
    for _ in range(count):
        opened.append(os.open("/dev/null", os.O_RDONLY))


# ---

WAYS = {
    name: value
    for name, value in globals().copy().items()
    if callable(value) and getattr(value, "__module__", "") == __name__ and not isinstance(value, type)
}


def attempt(way, arguments):
    """In a process of its own: one that is killed, or has become another, spoils nothing."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            WAYS[way](**arguments)
            said = "done"
        except Stopped as stopped:
            said = str(stopped)
        except OSError as error:
            said = errno.errorcode.get(error.errno, str(error)) if error.errno else str(error)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(send, said.encode())
        os._exit(0)
    os.close(send)
    said = b""
    while part := os.read(receive, 4096):
        said += part
    os.close(receive)
    status = os.waitpid(child, 0)[1]
    return said.decode() or signal.Signals(os.WTERMSIG(status)).name


def try_all(attempts):
    results = {}
    for one in attempts:
        arguments = {key: value for key, value in one.items() if key not in ("name", "try")}
        results[one["name"]] = attempt(one["try"], arguments)
    return results


def answer(method, params):
    if method == "initialize":
        return {"protocolVersion": 1, "agentInfo": {"name": "hostile", "version": "1"}, "agentCapabilities": {}}
    if method == "session/new":
        return {"sessionId": "s"}
    if method == "session/prompt":
        text = "".join(block.get("text", "") for block in params["prompt"])
        results = try_all(json.loads(text.strip().split("\n")[-1]))
        with open("results.json", "w") as file:
            json.dump(results, file)
        return {"stopReason": "end_turn"}
    return {}


def main():
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            attempts = json.load(file)
        os.chdir(tempfile.mkdtemp())
        print(json.dumps(try_all(attempts)))
        return
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params", {}))}
            print(json.dumps(reply), flush=True)


main()
