"""Makes the calls of standard input, a JSON text, with the client of this interpreter's Luigi."""

from __future__ import annotations

import json
import sys

import luigi


def main() -> None:
    order = json.load(sys.stdin)
    client = luigi.rpc.RemoteScheduler(order["url"], connect_timeout=20)
    if order["transport"] == "urllib":
        client._fetcher = luigi.rpc.URLLibFetcher()
    results = []
    for method, args, kwargs in order["calls"]:
        try:
            results.append(getattr(client, method)(*args, **kwargs))
        except Exception as error:
            results.append([type(error).__name__, str(error)])
    client.close()
    from luigi.scheduler import RPC_METHODS

    json.dump({"results": results, "methods": sorted(RPC_METHODS)}, sys.stdout)


if __name__ == "__main__":
    main()
