"""Tasks a second through Ray: prints {"async": ..., "sync": ..., "version": ...}. Arguments: tasks, round trips."""

import json
import logging
import sys
import time

import ray


@ray.remote
def double(x):
    return x + x


def main(tasks: int, round_trips: int) -> None:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        assert ray.get([double.remote(i) for i in range(1_000)]) == [2 * i for i in range(1_000)]
        start = time.perf_counter()
        results = ray.get([double.remote(i) for i in range(tasks)])
        together = tasks / (time.perf_counter() - start)
        assert results == [2 * i for i in range(tasks)]
        start = time.perf_counter()
        for i in range(round_trips):
            assert ray.get(double.remote(i)) == 2 * i
        one_by_one = round_trips / (time.perf_counter() - start)
    finally:
        ray.shutdown()
    print(json.dumps({"async": together, "sync": one_by_one, "version": ray.__version__}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
