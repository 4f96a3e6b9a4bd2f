"""Works under pyroscope-io until it has taken RUN_CPU_MS of the CPU, and RUN_MS at least; then says how it was."""

import json
import os
import time

import pyroscope

kept = []


def spin(rounds):
    total = 0
    for i in range(rounds):
        total = (total * 31 + i) % 1000003
    return total


def hash_orders():
    return spin(450_000)


def parse_orders():
    return spin(150_000)


def keep_orders():
    if len(kept) < 400:
        kept.append([{"order": i} for i in range(500)])


def work():
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
begun_cpu = time.process_time()
begun = time.perf_counter()


def cpu_ms():
    return 1000 * (time.process_time() - begun_cpu)


def elapsed_ms():
    return 1000 * (time.perf_counter() - begun)


while elapsed_ms() < float(os.environ["RUN_MS"]) or cpu_ms() < float(os.environ["RUN_CPU_MS"]):
    work()
report = {"cpuMs": cpu_ms(), "elapsedMs": elapsed_ms(), "kept": len(kept)}
pyroscope.shutdown()
print(json.dumps(report))
