"""Keeps listening sockets open as systemd does: holder.py PORT,PORT PROGRAM ARGUMENT... Starts the program with them for each line on stdin, and prints its process id."""
import os
import signal
import socket
import sys

FIRST_FD = 3
# Out of the way of those that the program gets.
OWN_FDS = 100

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
ports, command = sys.argv[1].split(","), sys.argv[2:]
for at, port in enumerate(ports):
    listening = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    os.dup2(listening.detach(), OWN_FDS + at, inheritable=False)
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        for at in range(len(ports)):
            os.dup2(OWN_FDS + at, FIRST_FD + at)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(ports)), LISTEN_FDNAMES=":".join(["test.socket"] * len(ports)))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvp(command[0], command)
    print(pid, flush=True)
