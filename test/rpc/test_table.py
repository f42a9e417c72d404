"""The client's table of calls says what the scheduler's methods say."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from luigi_clone._wire.methods import RPC_METHODS
told = {name: method.rpc_call for name, method in RPC_METHODS.items()}
import luigi_clone.scheduler
for name, method in RPC_METHODS.items():
    if told.get(name) != method.rpc_call:
        print(told.get(name), method.rpc_call)
print(len(told), len(RPC_METHODS))
"""


def test_table_is_that_of_the_scheduler():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "56 56\n", done.stderr
