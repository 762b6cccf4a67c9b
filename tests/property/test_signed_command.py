"""A signature fits one command to one gateway, whatever is in it, and freshness never makes a gateway deaf."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.command_guard import AHEAD_US, SKEW_US, CommandRefusedError, Freshness, RepeatedCommandError
from firmware_profiles import wire
from firmware_profiles.signed_command import COMMANDERS, signed_bytes, verifies

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
PUBLIC = KEY.public_key()
SCALARS = st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
COMMANDS = st.builds(
    wire.Command,
    version=st.just(wire.VERSION),
    id=st.text(max_size=40),
    kind=st.from_regex(wire.Code.__metadata__[0].pattern.replace("\\Z", ""), fullmatch=True),
    time_us=st.integers(0, 2**53),
    args=st.dictionaries(st.text(max_size=10), SCALARS, max_size=5),
    body=st.binary(max_size=50),
)


def sealed(command: wire.Command, gateway: str = "gw-a", key: Ed25519PrivateKey = KEY) -> wire.Command:
    return msgspec.structs.replace(command, signature=key.sign(signed_bytes(gateway, command)))


@given(COMMANDS)
def test_what_was_signed_verifies_after_the_journey_and_for_nobody_else(command: wire.Command) -> None:
    arrived = wire.decode(wire.Command, wire.encode(sealed(command)))
    assert verifies("gw-a", arrived, [OTHER.public_key(), PUBLIC])
    assert not verifies("gw-b", arrived, [PUBLIC])
    assert not verifies("gw-a", arrived, [OTHER.public_key()])
    assert not verifies("gw-a", command, [PUBLIC])


@given(COMMANDS, COMMANDS)
def test_no_signature_fits_another_command(one: wire.Command, other: wire.Command) -> None:
    moved = msgspec.structs.replace(other, signature=sealed(one).signature)
    same = signed_bytes("gw-a", one) == signed_bytes("gw-a", other)
    assert verifies("gw-a", moved, [PUBLIC]) == same
    if same:
        assert (one.id, one.kind, one.time_us, one.args, one.body) == (
            other.id,
            other.kind,
            other.time_us,
            other.args,
            other.body,
        )


@given(COMMANDS, st.binary(max_size=80))
def test_any_bytes_for_a_signature_are_read_and_refused(command: wire.Command, signature: bytes) -> None:
    assert not verifies("gw-a", msgspec.structs.replace(command, signature=signature), [PUBLIC])


def test_an_older_gateway_reads_a_signed_command() -> None:
    class Before(msgspec.Struct, frozen=True):
        version: int
        id: str
        kind: str
        time_us: int
        args: dict[str, str] = {}
        body: bytes = b""

    command = sealed(wire.Command(wire.VERSION, "1", "ping", 5))
    assert msgspec.msgpack.decode(wire.encode(command), type=Before) == Before(wire.VERSION, "1", "ping", 5)


@given(st.lists(st.tuples(st.sampled_from(COMMANDERS), st.integers(0, 10**16), st.integers(0, 10**16)), max_size=30))
def test_nothing_is_admitted_twice_and_a_restart_does_not_forget(steps: list[tuple[str, int, int]]) -> None:
    fresh, admitted = Freshness(), []
    for number, (commander, time_us, now_us) in enumerate(steps):
        signature = b"%d" % number
        try:
            fresh.admit(commander, signature, time_us, now_us)
        except CommandRefusedError:
            assert time_us < fresh.newest[commander] - SKEW_US
            continue
        admitted.append((commander, signature, time_us, now_us))
    again = Freshness(fresh.newest)
    for commander, signature, time_us, now_us in admitted:
        with pytest.raises(CommandRefusedError):
            fresh.admit(commander, signature, time_us, now_us)
        if time_us <= now_us + AHEAD_US:
            with pytest.raises(CommandRefusedError):
                again.admit(commander, signature, time_us, now_us)


@given(st.integers(0, 2**52), st.integers(0, 2**52))
def test_a_wrong_clock_on_either_side_makes_no_gateway_deaf(now_us: int, wrong_us: int) -> None:
    """Neither a gateway of 1970 nor a service of a later year: what the service says with its clock right is heard."""
    fresh = Freshness()
    fresh.admit("console", b"right", 10**15, now_us)
    fresh.admit("alerting", b"wrong", max(wrong_us, now_us + AHEAD_US + 1), now_us)
    fresh.admit("alerting", b"right again", now_us + AHEAD_US, now_us)
    with pytest.raises(RepeatedCommandError):
        fresh.admit("console", b"right", 10**15, now_us)
