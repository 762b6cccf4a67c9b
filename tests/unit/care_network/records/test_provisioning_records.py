"""What provisioning accepts, and the words it refuses with."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from care_network.access import passwords
from care_network.demo.people import people_of
from care_network.demo.places import AREAS, COMPOUNDS
from care_network.errors import MalformedError, ProvisioningError
from care_network.records.records import NewAccount, NewArea, NewDevice, NewHousehold, NewResident, parse
from care_network.records.registry import EMPTY, decode_registry, encode_registry
from tests.support.hashing import STRONG

RESIDENT = {
    "code": "R1",
    "household": "H1",
    "name_zh": "陈秀英",
    "name_en": "Chen Xiuying",
    "sex": "female",
    "birth_date": "1940-02-29",
}


def test_text_from_a_form_is_read() -> None:
    resident = parse(NewResident, {**RESIDENT, "spo2_scale": "2", "on_oxygen": "true"})
    assert resident.birth_date == dt.date(1940, 2, 29)
    assert (resident.spo2_scale, resident.on_oxygen) == (2, True)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (NewResident, {**RESIDENT, "birth_date": "1941-02-29"}, "birth_date"),
        (NewResident, {**RESIDENT, "sex": "x"}, "sex"),
        (NewResident, {**RESIDENT, "spo2_scale": 3}, "spo2_scale"),
        (NewResident, {**RESIDENT, "nickname": "x"}, "nickname"),
        (NewResident, {**RESIDENT, "code": "R 1"}, "code"),
        (NewResident, {**RESIDENT, "name_zh": "a\x00b"}, "name_zh"),
        (NewResident, {"code": "R1"}, "household"),
        (NewArea, {"path": "A.b", "level": "city", "name_zh": "市", "name_en": "C"}, "path"),
        (NewDevice, {"gateway": "GW 1", "name": "d", "model": "m"}, "gateway"),
        (NewHousehold, {"code": "H", "area": "c", "address_zh": "a", "address_en": "a", "latitude": 91}, "latitude"),
    ],
)
def test_a_refusal_names_the_field(kind: Any, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedError, match=words) as refused:
        parse(kind, fields)
    assert refused.value.field == words
    assert words in refused.value.message_zh
    assert refused.value.missing == (words not in fields)


def test_an_account_does_not_print_its_password() -> None:
    account = NewAccount(login="somebody", password="a-secret-word", name_zh="某", name_en="S", role="admin", area="c")
    assert "a-secret-word" not in repr(account)


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaaaa", "dispatcher"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ProvisioningError):
        passwords.check_new(password, "dispatcher")


def test_a_hash_fits_its_password_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", STRONG)
    stored = passwords.hash_password("correct horse")
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in stored
    assert passwords.verify(stored, "correct horse")
    assert not passwords.verify(stored, "correct horsf")
    assert not passwords.verify(None, "correct horse")
    assert not passwords.verify("not a hash", "correct horse")
    assert not passwords.verify(stored, "x" * 10_000_000)
    assert not passwords.outdated(stored)


def test_the_demonstrations_places_stand_below_each_other() -> None:
    seen: set[str] = set()
    for area in AREAS:
        parent = area.path.rpartition(".")[0]
        assert not parent or parent in seen
        seen.add(parse(NewArea, msgspec.structs.asdict(area)).path)
    assert {compound.area.path for compound in COMPOUNDS} <= seen


def test_the_demonstrations_people_are_plausible() -> None:
    people = [person for number in range(1, 101) for person in people_of(number)]
    assert len({person.code for person in people}) == len(people) == 110
    assert all(66 <= 2026 - person.birth_date.year <= 95 for person in people)
    assert {person.sex for person in people_of(7)} == {"female", "male"}
    assert len({person.name_zh for number in range(1, 21) for person in people_of(number)}) >= 18


def test_a_kept_registry_of_another_kind_is_refused() -> None:
    assert decode_registry(encode_registry(EMPTY)) == EMPTY
    for data in (b"", b"{}", b"\xff", encode_registry(msgspec.structs.replace(EMPTY, format=99))):
        with pytest.raises(ValueError, match="kept registry"):
            decode_registry(data)
