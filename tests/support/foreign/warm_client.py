"""Stands for the Python of a warm_server.py, whose socket lies beside this file."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.path.join(os.path.dirname(sys.argv[0]), "socket"))
    run = {"arguments": sys.argv[1:], "directory": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(connection, [json.dumps(run).encode() + b"\n"], [0, 1, 2])
    code = connection.recv(1)
sys.exit(code[0] if code else "the server of warm runs has ended")
