"""Burns CPU and allocates under pyroscope-io for RUN_SECONDS, then prints what it took of the CPU."""

import json
import os
import time

import pyroscope

kept = []


def spin(seconds):
    total = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for i in range(5000):
            total = (total * 31 + i) % 1000003
    return total


def hash_orders():
    return spin(0.06)


def parse_orders():
    return spin(0.02)


def keep_orders():
    if len(kept) < 400:
        kept.append([{"order": i} for i in range(500)])


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with pyroscope.tag_wrapper({"route": "/orders"}):
            hash_orders()
        parse_orders()
        keep_orders()
        time.sleep(0.02)


pyroscope.configure(
    application_name="shop.python",
    server_address=os.environ["PYROSCOPE_SERVER_ADDRESS"],
    tags={"env": "staging"},
    upload_interval=3,
    mem_enabled=True,
    mem_heap_sample_size=16 * 1024,
)
begun = time.process_time()
work(float(os.environ["RUN_SECONDS"]))
used = time.process_time() - begun
pyroscope.shutdown()
print(json.dumps({"cpuMs": used * 1000, "kept": len(kept)}))
