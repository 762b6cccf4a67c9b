"""Structs that several threads begin with at once."""

import subprocess
import sys
import textwrap

PROGRAM = """
    import sys, threading, types
    import msgspec
    from observability.structs import understand_structs

    text = "from __future__ import annotations\\nimport msgspec\\n"
    for i in range(200):
        text += f"class In{i}(msgspec.Struct):\\n a: int = 0\\n b: list[int] = []\\n c: dict[str, float] = {{}}\\n"
        text += f"class Out{i}(msgspec.Struct):\\n x: In{i}\\n y: list[In{i}] = []\\n z: In{i} | None = None\\n"
    made = sys.modules["made"] = types.ModuleType("made")
    exec(compile(text, "made", "exec"), made.__dict__)
    understand_structs()
    sys.setswitchinterval(1e-6)
    together = threading.Barrier(4)

    def begin():
        for i in range(200):
            together.wait()
            msgspec.convert({"x": {"a": 1}, "y": [{"b": [2]}]}, getattr(made, f"Out{i}"))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("alive")
"""


def test_structs_that_are_understood_before_there_are_threads_end_no_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-2000:]
