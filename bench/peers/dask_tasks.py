"""Tasks a second through Dask: prints {"async": ..., "sync": ..., "version": ...}. Arguments: tasks, round trips."""

import json
import sys
import time

import dask
from dask.distributed import Client, LocalCluster


def double(x):
    return x + x


def main(tasks: int, round_trips: int) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        warm = client.gather(client.map(double, range(-1_000, 0)))
        assert warm == [2 * i for i in range(-1_000, 0)]
        start = time.perf_counter()
        results = client.gather(client.map(double, range(tasks)))
        together = tasks / (time.perf_counter() - start)
        assert results == [2 * i for i in range(tasks)]
        start = time.perf_counter()
        for i in range(round_trips):
            x = 1_000_000 + i  # results are remembered by their arguments
            assert client.submit(double, x).result() == 2 * x
        one_by_one = round_trips / (time.perf_counter() - start)
    print(json.dumps({"async": together, "sync": one_by_one, "version": dask.__version__}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
