"""Which configuration runs: whatever comes, and wherever the power fails."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.updates import trial as updates
from edge_agent.updates.signed_config import HomeUpdate
from edge_agent.updates.trial import MAX_STARTS, UpdateRefusedError, UpdateState

GATEWAY = "gw-1"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(1, 12), st.sampled_from([GATEWAY, "gw-2"])),
        st.tuples(st.sampled_from(["begin", "online", "give_up", "told"])),
    ),
    max_size=40,
)


def update(version: int, gateway: str = GATEWAY) -> HomeUpdate:
    return HomeUpdate(1, gateway, version, 0, "")


@given(STEPS)
def test_no_version_comes_back_and_only_what_was_online_stays(steps: list[tuple[object, ...]]) -> None:
    state, accepted, proved = UpdateState(), [0], {0}
    for step in steps:
        before = state
        if step[0] == "accept":
            _, version, gateway = step
            assert isinstance(version, int)
            try:
                state = updates.accept(state, update(version, str(gateway)), GATEWAY, "id")
            except UpdateRefusedError:
                assert gateway != GATEWAY or version <= max(accepted) or state.trial is not None
                continue
            assert version > max(accepted)
            assert gateway == GATEWAY
            accepted.append(version)
        elif step[0] == "begin":
            state = updates.begin(state, 1)
        elif step[0] == "online":
            state = updates.came_online(state, 2)
            proved.add(state.active)
        elif step[0] == "give_up":
            state = updates.give_up(state, "why", 3)
        else:
            state = updates.report_stored(state)
        assert state.highest == max(accepted)
        assert state.active in proved
        assert state.running in accepted
        assert {state.running, state.active, state.previous} - {0} == state.needed()
        if before.running != state.running and step[0] != "accept":
            assert state.report is not None
            assert state.report.kind == "config_rolled_back"
            assert state.report.version == before.running
            assert state.report.running == state.running


@given(st.integers(0, 5), st.integers(1, 10))
def test_a_version_that_never_comes_online_ends_by_itself(active: int, starts: int) -> None:
    state = updates.accept(UpdateState(active=active, highest=active), update(active + 1), GATEWAY, "id")
    for start in range(1, starts + 1):
        state = updates.begin(state, start)
        assert state.running == (active + 1 if start <= MAX_STARTS else active)


def test_a_trial_that_came_online_stays_and_is_told() -> None:
    state = updates.begin(updates.accept(UpdateState(active=3, highest=4), update(7), GATEWAY, "abc"), 1)
    state = updates.came_online(state, 9)
    assert (state.running, state.previous, state.trial) == (7, 3, None)
    assert state.report == updates.Report("config_applied", 7, 7, "abc", 9)
    assert updates.begin(state, 10) == state


def test_a_damaged_version_falls_back_step_by_step() -> None:
    state = updates.give_up(UpdateState(active=7, previous=3, highest=7), "unreadable", 1)
    assert (state.running, state.previous, state.highest) == (3, 0, 7)
    state = updates.give_up(state, "unreadable", 2)
    assert state.running == 0
    assert updates.give_up(state, "unreadable", 3) == state


CRASHES = """
import os, sys, shutil
from pathlib import Path
from edge_agent.updates import trial as updates
from edge_agent.updates.store import UpdateStore
from edge_agent.updates.signed_config import HomeUpdate

folder = Path(sys.argv[1])

def work(store):
    state = store.load()
    for version, good in ((5, True), (6, False), (7, True)):
        store.put(version, b"content of %d" % version)
        state = updates.accept(state, HomeUpdate(1, "gw-1", version, 0, ""), "gw-1", "id")
        store.save(state)
        state = updates.begin(state, 1)
        store.save(state)
        state = updates.came_online(state, 2) if good else updates.give_up(state, "bad", 2)
        store.save(state)
        state = updates.report_stored(state)
        store.save(state)

step = finished = 0
while not finished:
    step += 1
    shutil.rmtree(folder, ignore_errors=True)
    child = os.fork()
    if not child:
        seen = 0
        def die(name, _arguments):
            global seen
            if name in ("open", "os.rename", "os.remove", "os.mkdir", "os.listdir"):
                seen += 1
                if seen == step:
                    os._exit(9)
        sys.addaudithook(die)
        work(UpdateStore(folder))
        os._exit(0)
    finished = os.waitpid(child, 0)[1] == 0
    store = UpdateStore(folder)
    state = store.load()
    assert state.running in (0, 5, 6, 7), state
    assert state.active in (0, 5, 7), state
    for version in state.needed():
        assert store.get(version) == b"content of %d" % version, (step, state)
    assert store.load() == state
    # and from wherever it stopped, the district can go on with a higher version
    store.put(8, b"content of 8")
    state = updates.give_up(state, "bad", 3) if state.trial else state
    store.save(updates.accept(state, HomeUpdate(1, "gw-1", 8, 0, ""), "gw-1", "id"))
    assert store.get(store.load().running) == b"content of 8"
print(step)
"""


def test_the_process_may_die_before_any_step_on_the_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHES, tmp_path / "config"], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30, "the audit hook saw fewer steps than the work has"
