"""What is measured of a relay, on its host and with the program that is installed there.

usage: load.py bare KIND NUMBER            requests in a loop, with the relay's own HTTP client and without a broker
       load.py relay NAME PORT NUMBER      messages through a relay that was stopped; the password is standard input

Prints requests a second, and of a relay also the memory that it has in the end, in kB.
"""

import glob
import http.client
import json
import re
import subprocess
import sys
import time

sys.path.insert(0, glob.glob("/usr/local/lib/brokerkit-relay-*.pyz")[0])

import pika
from brokers.relay import url
from relaying.call import Call


def bare(kind, number):
    call = Call(url.parsed(f"http://127.0.0.1:8000/{kind}/x"), {}, 30, None)
    began = time.monotonic()
    for one in range(number):
        if call.perform("DELETE", f"/{kind}/{one}", {"Idempotency-Key": str(one)}, None).status != 204:
            sys.exit("the API did not answer 204")
    print(number / (time.monotonic() - began))


def fill(queue, number, password):
    login = pika.PlainCredentials("shop", password)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", 5672, "shop", login))
    channel = connection.channel()
    for one in range(number):
        properties = pika.BasicProperties(delivery_mode=2, message_id=str(one))
        channel.basic_publish("", queue, json.dumps({"id": one}).encode(), properties)
    while channel.queue_declare(queue, passive=True).method.message_count < number:
        time.sleep(0.2)
    connection.close()


def done(port):
    try:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        line.request("GET", "/metrics")
        text = line.getresponse().read().decode()
    except OSError:
        return 0
    return int(re.search(r"^brokerkit_relay_done_total\S* (\d+)$", text, re.MULTILINE)[1])


def relay(name, port, number, password):
    unit = f"brokerkit-relay-{name}"
    subprocess.run(["systemctl", "stop", unit], check=True)
    fill(f"bench.{name}", number, password)
    subprocess.run(["systemctl", "start", unit], check=True)
    seen = []
    while not seen or seen[-1][1] < number:
        seen.append((time.monotonic(), done(port)))
        time.sleep(0.05)
    # Without the start, and without the end at which workers find nothing any more.
    first = next(one for one in seen if one[1] >= number / 10)
    last = next(one for one in seen if one[1] >= number * 9 / 10)
    show = ["systemctl", "show", "--property=MainPID", "--value", unit]
    pid = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()
    with open(f"/proc/{pid}/status") as status:
        memory = re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]
    subprocess.run(["systemctl", "stop", unit], check=True)
    print((last[1] - first[1]) / (last[0] - first[0]), memory)


if sys.argv[1] == "bare":
    bare(sys.argv[2], int(sys.argv[3]))
else:
    relay(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.stdin.readline().strip())
