"""Programs that want every interface, and get loopback."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest

from tests.listeners import listeners
from weir.infra.local.loopback import kept_on_loopback, on_loopback
from weir.pipelines.runners.ports import serve_on_loopback

IPV4 = "=HHI8x"
IPV6 = "=HHI16sI"
PORT = socket.htons(8073)


def run(program, *, but_named=False, **options):
    command = kept_on_loopback([sys.executable, "-S", "-c", program], but_named=but_named)
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("::", "::ffff:127.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:127.0.0.1"),
        ("2001:db8::1", "::1"),
        ("::1", "::1"),
        ("::ffff:127.0.0.2", "::ffff:127.0.0.2"),
    ],
)
def test_an_address_of_ipv6_becomes_loopback(asked, given):
    def packed(host):
        return struct.pack(
            IPV6, socket.AF_INET6, PORT, 0, socket.inet_pton(socket.AF_INET6, host), 0
        )

    assert on_loopback(packed(asked)) == packed(given)


@pytest.mark.parametrize(
    ("asked", "given"),
    [("0.0.0.0", "127.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")],
)
def test_an_address_of_ipv4_becomes_loopback(asked, given):
    def packed(host):
        number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
        return struct.pack(IPV4, socket.AF_INET, PORT, number)

    assert on_loopback(packed(asked)) == packed(given)


def test_an_address_that_is_named_stays_where_that_is_asked_for():
    own = struct.pack(
        IPV4, socket.AF_INET, PORT, int.from_bytes(socket.inet_aton("10.0.0.1"), sys.byteorder)
    )
    assert on_loopback(own, but_named=True) == own
    every = struct.pack(IPV4, socket.AF_INET, PORT, 0)
    assert on_loopback(every, but_named=True) == on_loopback(own)
    for host in ("2001:db8::1", "::ffff:10.0.0.1", "::1"):
        own = struct.pack(
            IPV6, socket.AF_INET6, PORT, 0, socket.inet_pton(socket.AF_INET6, host), 0
        )
        assert on_loopback(own, but_named=True) == own
    for host in ("::", "::ffff:0.0.0.0"):
        every = struct.pack(
            IPV6, socket.AF_INET6, PORT, 0, socket.inet_pton(socket.AF_INET6, host), 0
        )
        assert on_loopback(every, but_named=True) == on_loopback(every)


@pytest.mark.parametrize("address", [b"", b"\x01\x00/run/socket", b"\x10\x00" + bytes(10)])
def test_what_is_no_address_of_the_internet_is_left_alone(address):
    assert on_loopback(address) == address


def test_a_server_that_wants_every_interface_gets_loopback():
    done = run(
        "import socket\n"
        "for family, host in ((socket.AF_INET, ''), (socket.AF_INET6, '::')):\n"
        "    with socket.socket(family) as s:\n"
        "        s.bind((host, 0))\n"
        "        print(s.getsockname()[0])\n"
    )
    assert done.stdout.split() == ["127.0.0.1", "::ffff:127.0.0.1"]


def test_a_server_that_names_its_address_has_it_where_that_is_asked_for():
    program = (
        "import socket\n"
        "for host in ('', '127.0.0.2'):\n"
        "    print(socket.create_server((host, 0)).getsockname()[0])\n"
    )
    done = run(program, but_named=True)
    assert done.stdout.split() == ["127.0.0.1", "127.0.0.2"]


def test_what_a_program_starts_is_kept_too():
    done = run(
        "import subprocess, sys\n"
        "print(subprocess.check_output([sys.executable, '-S', '-c',\n"
        "    'import socket; print(socket.create_server((str(), 0)).getsockname()[0])']))"
    )
    assert "127.0.0.1" in done.stdout


def test_a_socket_that_only_sends_is_left_alone():
    done = run(
        "import socket\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "    s.bind(('', 0))\n"
        "    print(s.getsockname()[0])\n"
    )
    assert done.stdout.split() == ["0.0.0.0"]


def test_its_exit_code_is_the_programs():
    assert run("raise SystemExit(7)").returncode == 7


def test_a_signal_reaches_the_program():
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\n"
        "while True:\n"  # a signal just before a sleep is handled after it
        "    time.sleep(0.1)\n"
    )
    command = kept_on_loopback([sys.executable, "-S", "-c", program])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(240) == 9


def test_a_program_is_gone_with_what_keeps_it():
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    command = kept_on_loopback([sys.executable, "-S", "-c", program])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        stat = Path(f"/proc/{int(process.stdout.readline())}/stat")
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 240
    while stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_grpc_server_of_this_process_gets_loopback_and_is_reached_past_a_proxy(proxy_elsewhere):
    serve_on_loopback()
    server = grpc.server(None)
    port = server.add_insecure_port("[::]:0")
    server.start()
    found = [each for each in listeners(os.getpid()) if each.port == port]
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        grpc.channel_ready_future(channel).result(30)
    server.stop(None)
    assert [each.on_loopback for each in found] == [True]
